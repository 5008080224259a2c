"""The project is written in plain words: `tests/packaging/words.py` has the list."""

import pytest

from tests.packaging.words import WORDS, Discouraged, find, findings


def test_the_project_has_no_discouraged_word() -> None:
    assert findings() == []


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.pattern)
def test_each_discouraged_word_is_found_and_the_better_word_is_named(word: Discouraged) -> None:
    (found,) = find(f"first line\n    {word.example}\n")
    assert found[0] == 2
    assert found[1].endswith(f": better {word.instead}")


def test_a_phrase_is_found_across_the_lines_of_a_comment_and_in_a_name() -> None:
    assert [line for line, _ in find("x = 1\n# they run side\n#   by side\n")] == [2]
    assert [line for line, _ in find("def test_they_run_side_by_side() -> None:\n")] == [1]


@pytest.mark.parametrize(
    "text",
    [
        "amend, recommend, intelligent, forever_young",
        "run it behind a load balancer; what it left behind",
        "2 is a second attempt; it takes 3,000 in a second",
        "the user `nobody`, /UserFeed/nobody/processPost, user-feed:nobody, nobody@localhost",
        "a record taken from the topic for the next run; it takes 10 s for an answer",
        "throw away what was read; 10 s away from the deadline",
        "values to save for the next run",
        "# of the group `bench`",
        '"""Of course."""',
    ],
)
def test_good_words_are_left_alone(text: str) -> None:
    assert list(find(text)) == []
