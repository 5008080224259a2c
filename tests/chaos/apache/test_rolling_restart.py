"""Steady traffic with poison in it, on a cluster of three nodes that restart. `make chaos` runs the long forms."""

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.steady.load import Load
from benchmarks.steady.report import show
from benchmarks.steady.run import Outcome, Plan, SteadyRun
from tests.chaos.stormy_stack import FULL, SEED
from tests.conftest import apache_kafka_jars


async def outcome(plan: Plan, config: pytest.Config, folder: Path, capsys: pytest.CaptureFixture[str]) -> Outcome:
    """Run the plan, and print its report. The servers' lines are in `log.txt` of the test's folder."""
    jars = apache_kafka_jars(config)
    with (folder / "log.txt").open("w") as log:
        run = SteadyRun(plan, jars, lambda name, line: print(name, line, file=log, flush=True), lambda watch: None)
        ended = await run.run()
    report = io.StringIO()
    show(ended, f"{plan.load.rate:g} records/s, seed {SEED}", Console(file=report, width=150))
    with capsys.disabled():
        sys.stdout.write(f"\n{report.getvalue()}\n")
    return ended


def load(topic: str, rate: float, seconds: float) -> Load:
    return Load(rate, seconds, partitions=6, keys=30, poison_share=0.02, seed=SEED, topic=topic)


@pytest.mark.timeout(3600)
async def test_a_rolling_restart_of_brokers_and_workers_loses_doubles_and_misplaces_nothing(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    size = load("rolling", rate=200, seconds=600) if FULL else load("rolling", rate=30, seconds=40)
    ended = await outcome(Plan(size), pytestconfig, tmp_path, capsys)
    assert ended.violations == []


@pytest.mark.skipif(not FULL, reason="20 restarts take several minutes: make chaos")
@pytest.mark.timeout(3600)
async def test_twenty_restarts_of_one_broker_of_three_list_each_poison_record_once_also_after_a_redrive(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan(load("restarts", rate=100, seconds=400), rolling=False, restarts=20, redrives=1)
    ended = await outcome(plan, pytestconfig, tmp_path, capsys)
    assert ended.violations == []
