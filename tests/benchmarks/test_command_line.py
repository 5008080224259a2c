"""`python -m benchmarks`: one command for all benchmarks."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, main

STEADY = ("rate", "minutes", "partitions", "keys", "poison", "seed", "rolling", "restarts", "redrives", "json", "log")
ROLLING = ("rate", "keys", "workers", "rounds", "quiet", "pause", "graceful", "json", "log")


def test_help_lists_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    assert set(BENCHMARKS) <= listed


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_has_its_module(name: str) -> None:
    assert find_spec(BENCHMARKS[name].module)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("kafka", ["--records", "--keys", "--partitions", "--single", "--one-key"]),
        ("stuck-key", ["--users", "--posts", "--rounds"]),
        ("limits", ["--trackers", "--hot", "--large", "--subtasks", "--events", "--locations"]),
        ("encryption", ["--calls", "--records", "--rounds"]),
        ("economy", ["--trips", "--rounds"]),
        ("tracing", ["--calls", "--records", "--rounds"]),
        ("listing", ["--executions", "--rate", "--reads", "--first-page", "--minutes", "--json"]),
        ("watchers", ["--one", "--keys", "--each", "--every", "--changes", "--json"]),
        ("hot-key", ["--messages"]),
        ("steady", [f"--{each}" for each in STEADY]),
        ("rolling", [f"--{each}" for each in ROLLING]),
    ],
)
def test_help_of_a_benchmark_names_its_options_and_their_defaults(
    name: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    text = capsys.readouterr().out
    assert all(option in text for option in options)
    assert text.count("(default:") == len(options)


def test_an_unknown_benchmark_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["compere"])
    message = capsys.readouterr().err
    assert all(name in message for name in BENCHMARKS)


def test_a_size_below_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["hot-key", "--messages", "0"])
    assert "0 is less than 1" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--minutes", "0"), ("--poison", "101"), ("--restarts", "-1"), ("--rate", "0")])
def test_a_steady_run_is_refused_without_a_load(wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["steady", *wrong])
    assert wrong[1] in capsys.readouterr().err


def test_a_steady_run_without_java_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["steady"]) == 1
    assert capsys.readouterr().err == "`steady` needs Java 17 with KAFKA_HOME or Maven.\n"


def test_a_missing_package_is_named_and_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["growth"]) == 1
    assert capsys.readouterr().err == (
        "`growth` needs the package matplotlib: run `make bench` once, then use .venv-bench/bin/python.\n"
    )
