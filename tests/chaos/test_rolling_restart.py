"""Workers and gateway are restarted one after the other, twice, under calls and records on all six patterns."""

import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from devstack.stack import Stack
from tests.chaos.faults import FaultCounts, Injector, inject
from tests.chaos.storm import Storm
from tests.chaos.stormy_stack import stormy_stack
from tests.chaos.test_storm import SETTINGS
from tests.chaos.units import SHORT

NO_FAULTS = FaultCounts(kills=0, pauses=0, locks=0)
SIZE = replace(SHORT, seconds=30, faults=NO_FAULTS)
PROCESSES = ("workers", "gateway", "workers-2")
GRACEFUL_SHUTDOWN = 20
ROUNDS = 2


class RollingRestart(Storm):
    """The load of a storm, while processes are stopped and started in turn."""

    def __init__(self, stack: Stack, *arguments: object) -> None:
        super().__init__(stack, *arguments)  # type: ignore[arg-type]
        self.stops: list[tuple[str, float, int]] = []
        """The process, the seconds from SIGTERM to its end, and its exit code."""

    async def _disturb(self) -> None:
        for name in PROCESSES * ROUNDS:
            began = time.monotonic()
            exit_code = await self._stack.processes.stop(name)
            self.stops.append((name, time.monotonic() - began, exit_code))
            await self._stack.processes.start(name)


@pytest.mark.timeout(1200)
async def test_nothing_fails_is_lost_or_doubled_while_workers_and_gateway_restart_in_turn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**SETTINGS, "GRACEFUL_SHUTDOWN": f"{GRACEFUL_SHUTDOWN}s"}
    async with stormy_stack(tmp_path, worker_processes=2, **settings) as (stack, http):
        rolling = RollingRestart(stack, http, SIZE, Injector((), partial(inject, stack)))
        wrong = await rolling.run()
        with capsys.disabled():
            stops = ", ".join(f"{name} {seconds:.1f} s" for name, seconds, _ in rolling.stops)
            sys.stdout.write(f"\n{rolling.report(wrong)}\n  from SIGTERM to the end: {stops}\n{rolling.slowest()}\n")
            sys.stdout.write(f"{await rolling.explain(wrong)}\n")
        assert not wrong
        assert await rolling.dead_records() == []
        assert {exit_code for _, _, exit_code in rolling.stops} == {0}
