"""`pytest -p tests.forks` runs every test once, several at the same time, and loses no result."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WAITS = """
import time
from pathlib import Path

def test_waits_for_the_other():
    (Path(__file__).parent / "{mine}").touch()
    end = time.monotonic() + 60
    while not (Path(__file__).parent / "{other}").exists():
        assert time.monotonic() < end
        time.sleep(0.01)

def test_comes_later():  # a process takes its next file before it runs the last test of one
    pass
"""
RESULTS = """
import pytest

@pytest.fixture(scope="session", autouse=True)
def once():
    print("a fixture's output")
    yield

def test_passes():
    pass

def test_fails():
    print("what it printed")
    assert 1 == 2, "the reason"

def test_is_skipped():
    pytest.skip("for this reason")
"""


def forked(folder: Path, **files: str) -> subprocess.CompletedProcess[str]:
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.forks",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-ra",
    ]
    (folder / "pytest.ini").touch()
    return subprocess.run([*command, folder], check=False, cwd=ROOT, capture_output=True, text=True)


def test_files_run_at_the_same_time(tmp_path: Path) -> None:
    ran = forked(tmp_path, a=WAITS.format(mine="a", other="b"), b=WAITS.format(mine="b", other="a"))
    assert "4 passed" in ran.stdout, ran.stdout


def test_every_result_is_reported_once_with_its_reason_and_output(tmp_path: Path) -> None:
    files = {f"number{number}": RESULTS for number in range(20)}
    ran = forked(tmp_path, **files)
    assert "20 failed, 20 passed, 20 skipped" in ran.stdout, ran.stdout
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED
    assert ran.stdout.count("E       AssertionError: the reason\n") == 20
    assert ran.stdout.count("what it printed\n") == 20
    assert sum(int(line.split("]")[0][9:]) for line in ran.stdout.splitlines() if line.startswith("SKIPPED [")) == 20


def test_a_process_that_crashes_fails_the_run(tmp_path: Path) -> None:
    crash = "import os\ndef test_crashes():\n    os._exit(7)\n"
    others = {f"number{number}": RESULTS.replace("1 == 2", "True") for number in range(5)}
    ran = forked(tmp_path, crash=crash, **others)
    assert ran.returncode not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED), ran.stdout
