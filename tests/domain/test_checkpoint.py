"""The checkpoints of several consumers make up that of their subscription."""

from domain.checkpoint import Checkpoint, advanced

FOUR = Checkpoint(incarnation="first", offsets={0: 1, 1: 2, 2: 3, 3: 4})


def test_the_share_of_a_consumer_has_its_partitions_only() -> None:
    known = FOUR.model_copy(update={"outdated": frozenset({0, 1})})
    assert known.of(1, 2) == Checkpoint(incarnation="first", offsets={1: 2, 3: 4}, outdated=frozenset({1}))


def test_news_of_a_partition_end_that_its_offset_is_outdated() -> None:
    silent = FOUR.without_news_of(1, 2)
    assert silent.outdated == {1, 3}
    newer = advanced(silent, Checkpoint(incarnation="first", offsets={1: 9}))
    assert newer == Checkpoint(incarnation="first", offsets={0: 1, 1: 9, 2: 3, 3: 4}, outdated=frozenset({3}))


def test_an_offset_that_a_consumer_could_not_use_stays_outdated() -> None:
    silent = FOUR.without_news_of(1, 2)
    assert advanced(silent, silent.of(1, 2)) == silent


def test_offsets_of_another_incarnation_of_the_topic_are_forgotten() -> None:
    recreated = Checkpoint(incarnation="second", offsets={0: 0})
    assert advanced(FOUR, recreated) == recreated
    assert advanced(FOUR, None) == advanced(None, FOUR) == FOUR
