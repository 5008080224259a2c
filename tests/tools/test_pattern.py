"""The words that a new pattern may have, and what `make pattern` writes, in a small copy of this tree."""

import shutil
import subprocess
from difflib import ndiff
from pathlib import Path

import pytest

from tests.conftest import executable
from tools.pattern.__main__ import main
from tools.pattern.naming import MAX_LENGTH, Naming

ROOT = Path(__file__).parents[2]
LONGEST = "z" * MAX_LENGTH


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copy_into(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for words that are refused: each test checks that it is left as it was."""
    return copy_into(tmp_path_factory.mktemp("untouched"))


def copy_into(tmp_path: Path) -> Path:
    """Copy what the generator reads, and the folders in which it writes."""
    for folder in ("domain", "workflows", "activities", "api", "workers", "tests", "docs/patterns"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.gz"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def contents(tree: Path) -> dict[str, str]:
    return {str(file.relative_to(tree)): file.read_text() for file in tree.rglob("*") if file.is_file()}


def written(tree: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in tree.rglob("*")}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["Loyalty"], "A name is in snake_case"),
        (["loyalty__points"], "A name is in snake_case"),
        (["../loyalty"], "A name is in snake_case"),
        (["seventh", "loyaltyPoints"], "A service is in CamelCase"),
        (["seventh", "LP"], "A service is in CamelCase"),
        (["seventh", "Loyalty Points"], "A service is in CamelCase"),
        (["x" * (MAX_LENGTH + 1)], "at most 30 characters"),
        (["lambda"], "'lambda' is a keyword"),
        (["match"], "'match' is a keyword"),
        (["queue"], "'queue' is a module or a builtin"),
        (["print"], "'print' is a module or a builtin"),
        (["seventh", "Exception"], "'Exception' is a module or a builtin"),
        (["booking"], "domain/booking.py exists"),
        (["webhooks"], "api/routes/webhooks.py exists"),
        (["kafka_ingress"], "domain/subscription.py has a pattern kafka_ingress"),
        (["seventh", "BookingWorkflow"], "domain/booking.py has a service BookingWorkflow"),
        (["seventh", "AsyncTaskWorker"], "domain/message_queue.py has a service AsyncTaskWorker"),
        (["seventh", "Trip"], "domain/booking.py has a class Trip"),
        (["temporal"], "In api/app.py, temporal would mean two things"),
        (["pools"], "In workers/pools.py, POOLS would mean two things"),
        (["seventh", "Worker"], "Worker would mean two things"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_words_that_cannot_be_taken_are_refused_and_nothing_is_written(
    untouched: Path, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = written(untouched)
    assert main(words, untouched) == 1
    printed = capsys.readouterr()
    assert reason in printed.err
    assert printed.err.endswith("Nothing was written.\n")
    assert printed.out == ""
    assert written(untouched) == before


def test_the_service_follows_from_the_name_unless_it_is_given() -> None:
    assert Naming.of("loyalty_points", None).service == "LoyaltyPoints"
    assert Naming.of("loyalty", "Bonus").service == "Bonus"


def test_it_writes_six_files_and_changes_three_and_says_which(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(tree)
    assert main(["seventh", "SeventhPattern"], tree) == 0
    after = contents(tree)
    new, changed = after.keys() - before.keys(), {path for path in before if after[path] != before[path]}
    assert len(new) == 6
    assert changed == {"domain/patterns.py", "workers/pools.py", "api/app.py"}
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert {path for word, path in (line for line in printed if len(line) == 2) if word == "new"} == new
    assert {path for word, path in (line for line in printed if len(line) == 2) if word == "changed"} == changed


def test_a_row_is_a_line_of_the_table_and_changes_no_other_line(tree: Path) -> None:
    before = contents(tree)
    assert main(["seventh", "SeventhPattern"], tree) == 0
    after = contents(tree)
    differences = [line for path in before for line in ndiff(before[path].splitlines(), after[path].splitlines())]
    assert not [line for line in differences if line.startswith("- ")]
    assert [line for line in differences if line.startswith("+ ")]


def test_a_second_time_nothing_is_written(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seventh"], tree) == 0
    before = contents(tree)
    assert main(["seventh"], tree) == 1
    assert "domain/seventh.py exists" in capsys.readouterr().err
    assert contents(tree) == before


@pytest.mark.parametrize(
    "words",
    [["aa"], ["fan", "Fan"], ["message_queue2", "HTTPQueue"], [LONGEST, LONGEST.capitalize()]],
    ids=lambda words: words[0],
)
def test_whatever_the_words_what_is_written_is_formatted_and_lint_free(tree: Path, words: list[str]) -> None:
    assert main(words, tree) == 0
    for command in (["format", "--check"], ["check"]):
        subprocess.run([executable("ruff"), *command, "--no-cache", "--quiet", "."], cwd=tree, check=True)


def test_the_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "make pattern NAME=loyalty SERVICE=LoyaltyPoints" in capsys.readouterr().out
