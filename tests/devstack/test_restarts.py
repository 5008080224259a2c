"""What ends by itself is started again, within bounds."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from devstack.child import Spec
from devstack.errors import ChildKeepsDying, ChildNotReady
from devstack.restarts import Restarts
from devstack.supervisor import Supervisor
from tests.devstack.small_processes import IDLE, Journal, one_by_one, spec
from tests.eventually import eventually

AT_ONCE = (0.0, 0.0, 0.0, 0.0)


@asynccontextmanager
async def kept_running(*specs: Spec, journal: Journal) -> AsyncIterator[tuple[Supervisor, Restarts]]:
    async with Supervisor(one_by_one(*specs), journal.log) as processes:
        restarts = Restarts(processes, journal.log, AT_ONCE)
        running = asyncio.create_task(restarts.run())
        yield processes, restarts
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def only_once(program: str, otherwise: str, file: Path) -> str:
    """A program that is `program` at its first start and `otherwise` at each later one."""
    start = f"import os; f = {str(file)!r}; is_first = not os.path.exists(f); open(f, 'w').close(); "
    return start + f"exec({program!r} if is_first else {otherwise!r})"


async def test_what_was_killed_from_outside_is_started_again_and_its_state_says_so() -> None:
    async with kept_running(spec("server"), spec("other"), journal=Journal()) as (processes, restarts):
        pid, before = processes.pids()["server"], restarts.states
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: restarts.states["server"].restarts == 1)

        after = restarts.states
        assert processes.pids()["server"] != pid
        assert after["server"].is_up
        assert after["server"].since > before["server"].since
        assert after["other"] == before["other"]


async def test_while_it_is_down_its_state_says_since_when(tmp_path: Path) -> None:
    slow = only_once(IDLE, IDLE.replace("up", "loading"), tmp_path / "started")
    async with kept_running(spec("server", slow), journal=Journal()) as (_, restarts):
        up_since = restarts.states["server"].since
        restarts.crash("server")
        down = restarts.states["server"]
        assert down.since > up_since
        assert (down.is_up, down.restarts) == (False, 0)


async def test_a_process_that_ends_again_and_again_ends_the_stack_with_its_last_lines(tmp_path: Path) -> None:
    crashing = only_once(IDLE, "print('no disk left', flush=True); raise SystemExit(3)", tmp_path / "started")
    journal = Journal()
    async with Supervisor([[spec("server", crashing)]], journal.log) as processes:
        restarts = Restarts(processes, journal.log, AT_ONCE)
        os.kill(processes.pids()["server"], signal.SIGKILL)
        with pytest.raises(ChildKeepsDying, match="server ended by itself 5 times within 60 s") as end:
            await restarts.run()
    assert "Its last exit code: 3." in str(end.value)
    assert end.value.last_lines == ["no disk left"]
    assert journal.lines("server").count("no disk left") == 4


async def test_a_process_that_does_not_become_ready_again_ends_the_stack(tmp_path: Path) -> None:
    silent = only_once(IDLE, "import signal; signal.pause()", tmp_path / "started")
    journal = Journal()
    impatient = spec("server", silent)
    async with Supervisor([[impatient]], journal.log) as processes:
        object.__setattr__(impatient, "ready_within", timedelta(milliseconds=200))
        restarts = Restarts(processes, journal.log, AT_ONCE)
        os.kill(processes.pids()["server"], signal.SIGKILL)
        with pytest.raises(ChildNotReady):
            await restarts.run()


async def test_kills_of_the_button_are_never_too_many() -> None:
    kills = 2 * len(AT_ONCE)
    async with kept_running(spec("server"), journal=Journal()) as (_, restarts):
        for _ in range(kills):
            restarts.crash("server")
            await eventually(lambda: restarts.states["server"].is_up)
        assert restarts.states["server"].restarts == kills


async def test_two_processes_are_started_again_at_the_same_time() -> None:
    async with kept_running(spec("one"), spec("two"), journal=Journal()) as (_, restarts):
        restarts.crash("one")
        restarts.crash("two")
        await eventually(lambda: [each.restarts for each in restarts.states.values()] == [1, 1])


async def test_a_stack_that_is_stopped_while_a_process_is_down_leaves_none(tmp_path: Path) -> None:
    slow = only_once(IDLE, IDLE.replace("up", "loading"), tmp_path / "started")
    async with kept_running(spec("server", slow), journal=Journal()) as (processes, restarts):
        before = processes.pids()["server"]
        restarts.crash("server")
        await eventually(lambda: processes.pids()["server"] != before)
        pid = processes.pids()["server"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
