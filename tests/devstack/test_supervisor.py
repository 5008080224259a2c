import asyncio
import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest

from devstack.child import Probe, Spec
from devstack.errors import CannotStart, ChildDied, ChildNotReady
from devstack.supervisor import Supervisor
from tests.devstack.small_processes import (
    BUSY,
    CRASHING,
    CRASHING_WHEN_POKED,
    IDLE,
    PARENT,
    STUBBORN,
    Journal,
    is_stopped,
    one_by_one,
    runs,
    spec,
    thread_states,
)
from tests.eventually import eventually


@pytest.fixture
def journal() -> Journal:
    return Journal()


class TestStarting:
    async def test_starts_a_process_only_when_the_one_before_is_ready(self, journal: Journal) -> None:
        async with Supervisor(one_by_one(spec("first"), spec("second"), spec("third")), journal.log):
            assert [line for name, line in journal if line == "up"] == ["up"] * 3
            assert [(name, line[:5]) for name, line in journal] == [
                (name, event) for name in ("first", "second", "third") for event in ("up", "ready")
            ]

    async def test_starts_the_processes_of_a_stage_concurrently(self, journal: Journal) -> None:
        both: set[str] = set()

        def meet(name: str) -> Probe:
            async def probe() -> bool:
                both.add(name)
                return both == {"left", "right"}

            return probe

        stage = [spec("left", ready=meet("left")), spec("right", ready=meet("right"))]
        async with Supervisor([stage], journal.log) as supervisor:
            assert list(supervisor.pids()) == ["left", "right"]

    async def test_stops_the_whole_stage_when_one_of_its_processes_fails(self, journal: Journal) -> None:
        async def crash_when_all_run() -> bool:
            if len(supervisor.pids()) == 3 and runs(pid := supervisor.pids()["bad"]):
                os.kill(pid, signal.SIGUSR1)
            return False

        bad = spec("bad", CRASHING_WHEN_POKED, ready=crash_when_all_run)
        supervisor = Supervisor([[spec("good"), bad, spec("slow", ready="never said")]], journal.log)
        with pytest.raises(ChildDied, match="bad ended by itself"):
            await supervisor.__aenter__()
        assert journal.processes("stopped") == ["slow", "bad", "good"]

    async def test_asks_a_probe_until_it_says_yes(self, journal: Journal) -> None:
        answers = [False, False, True]

        async def probe() -> bool:
            return answers.pop(0)

        async with Supervisor(one_by_one(spec("server", ready=probe)), journal.log):
            assert answers == []

    async def test_runs_a_step_to_its_end_before_the_next_process(self, journal: Journal) -> None:
        step = spec("migrate", "print('migrated')", ready=None)
        async with Supervisor(one_by_one(step, spec("server")), journal.log) as supervisor:
            assert journal.processes("") == ["migrate", "migrate", "server", "server"]
            assert list(supervisor.pids()) == ["server"]

    async def test_reports_why_a_step_failed_and_stops_the_rest(self, journal: Journal) -> None:
        step = spec("migrate", "raise SystemExit('no such table')", ready=None)
        with pytest.raises(ChildDied, match="migrate ended by itself with exit code 1") as death:
            await Supervisor(one_by_one(spec("server"), step), journal.log).__aenter__()
        assert death.value.last_lines == ["no such table"]
        assert journal.processes("stopped") == ["migrate", "server"]

    async def test_reports_which_process_died_before_it_was_ready(self, journal: Journal) -> None:
        crashing = spec("server", CRASHING, ready="never said")
        with pytest.raises(ChildDied, match="no disk left") as death:
            await Supervisor(one_by_one(crashing), journal.log).__aenter__()
        assert (death.value.name, death.value.exit_code) == ("server", 3)

    async def test_gives_up_on_a_process_that_is_not_ready_in_time(self, journal: Journal) -> None:
        idle = spec("server", ready="never said", ready_within=timedelta(milliseconds=300))
        supervisor = Supervisor(one_by_one(idle), journal.log)
        with pytest.raises(ChildNotReady, match="server was not ready within"):
            await supervisor.__aenter__()
        assert supervisor.pids() == {}

    async def test_notices_a_death_while_the_next_process_starts(self, journal: Journal) -> None:
        async def poke() -> bool:
            os.kill(supervisor.pids()["server"], signal.SIGUSR1)
            return await asyncio.Future()

        specs = [spec("server", CRASHING_WHEN_POKED), spec("slow", ready=poke)]
        supervisor = Supervisor(one_by_one(*specs), journal.log)
        with pytest.raises(ChildDied, match="server ended by itself with exit code 3"):
            await supervisor.__aenter__()
        assert journal.processes("stopped") == ["slow", "server"]

    async def test_gives_up_on_a_probe_that_does_not_answer(self, journal: Journal) -> None:
        async def probe() -> bool:
            return await asyncio.Future()

        idle = spec("server", ready=probe, ready_within=timedelta(milliseconds=300))
        with pytest.raises(ChildNotReady):
            await Supervisor(one_by_one(idle), journal.log).__aenter__()

    async def test_names_a_program_that_does_not_exist(self, journal: Journal) -> None:
        missing = Spec("server", lambda: ("/no/such/program",), {}, Path.cwd(), "up")
        with pytest.raises(CannotStart, match=r"Cannot run /no/such/program for server: No such file"):
            await Supervisor(one_by_one(missing), journal.log).__aenter__()

    async def test_stops_what_it_started_when_it_is_cancelled(self, journal: Journal) -> None:
        supervisor = Supervisor(one_by_one(spec("server"), spec("slow", ready="never said")), journal.log)
        entering = asyncio.create_task(supervisor.__aenter__())
        await eventually(lambda: entering.done() or "slow" in supervisor.pids())
        pids = supervisor.pids().values()
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        assert not any(map(runs, pids))


class TestStopping:
    async def test_stops_in_reverse_order_and_leaves_no_process(self, journal: Journal) -> None:
        async with Supervisor(one_by_one(spec("first"), spec("second"), spec("third")), journal.log) as supervisor:
            pids = supervisor.pids()
        assert journal.processes("stopped") == ["third", "second", "first"]
        assert not any(map(runs, pids.values()))

    async def test_kills_a_process_that_does_not_stop_in_time(self, journal: Journal) -> None:
        stubborn = spec("server", STUBBORN, stop_within=timedelta(milliseconds=200))
        async with Supervisor(one_by_one(stubborn), journal.log) as supervisor:
            pid = supervisor.pids()["server"]
        assert not runs(pid)
        assert journal.lines("server")[-2:] == [
            "still runs 0.2 s after SIGTERM: killed",
            f"stopped, exit code {-signal.SIGKILL}",
        ]

    async def test_kill_all_cuts_a_slow_stop_short(self, journal: Journal) -> None:
        began = time.monotonic()
        supervisor = await Supervisor(one_by_one(spec("a", STUBBORN), spec("b", STUBBORN)), journal.log).__aenter__()
        leaving = asyncio.create_task(supervisor.__aexit__())
        supervisor.kill_all()
        await leaving
        assert time.monotonic() - began < 30

    async def test_ends_what_its_processes_started_themselves(self, journal: Journal) -> None:
        async with Supervisor(one_by_one(spec("server", PARENT)), journal.log) as supervisor:
            grandchild = int(journal.lines("server")[0].removeprefix("child "))
            assert runs(grandchild)
            await supervisor.kill("server")
        await eventually(lambda: not runs(grandchild))

    async def test_stops_a_paused_process_as_it_stops_others(self, journal: Journal) -> None:
        async with Supervisor(one_by_one(spec("server")), journal.log) as supervisor:
            supervisor.pause("server")
        assert journal.lines("server")[-1] == f"stopped, exit code {-signal.SIGTERM}"


class TestRunning:
    async def test_a_paused_process_does_nothing_until_it_is_resumed(self, journal: Journal) -> None:
        async with Supervisor(one_by_one(spec("server")), journal.log) as supervisor:
            pid = supervisor.pids()["server"]
            supervisor.pause("server")
            await eventually(lambda: is_stopped(pid))
            supervisor.resume("server")
            await eventually(lambda: not is_stopped(pid))

    @pytest.mark.skipif(not hasattr(os, "waitid"), reason="macOS has no way to wait for it")
    async def test_a_paused_process_with_many_threads_has_stopped_at_once(self, journal: Journal) -> None:
        async with Supervisor(one_by_one(spec("server", BUSY)), journal.log) as supervisor:
            pid = supervisor.pids()["server"]
            for _ in range(20):
                supervisor.pause("server")
                assert thread_states(pid) == {"T"}
                supervisor.resume("server")
                await asyncio.sleep(0.01)  # it runs

    async def test_reports_which_process_died_with_its_last_lines(self, journal: Journal) -> None:
        specs = [spec("server"), spec("other", CRASHING_WHEN_POKED)]
        async with Supervisor(one_by_one(*specs), journal.log) as supervisor:
            os.kill(supervisor.pids()["other"], signal.SIGUSR1)
            death = await supervisor.death()
        assert (death.name, death.exit_code, death.last_lines) == ("other", 3, ["up", "no disk left"])

    async def test_interrupts_the_current_work_when_a_process_dies(self, journal: Journal) -> None:
        async with Supervisor(one_by_one(spec("server", CRASHING_WHEN_POKED)), journal.log) as supervisor:
            os.kill(supervisor.pids()["server"], signal.SIGUSR1)
            with pytest.raises(ChildDied, match="no disk left"):
                await supervisor.while_alive(asyncio.Event().wait())

    async def test_does_not_call_it_a_death_when_asked_to_stop_or_restart(self, journal: Journal) -> None:
        async with Supervisor(one_by_one(spec("server"), spec("other")), journal.log) as supervisor:
            before = supervisor.pids()
            await supervisor.restart("server")
            await supervisor.kill("other")
            await supervisor.start("other")
            assert set(supervisor.pids().values()).isdisjoint(before.values())
            os.kill(supervisor.pids()["server"], signal.SIGTERM)
            assert (await supervisor.death()).name == "server"

    async def test_reads_on_after_a_line_that_is_too_long(self, journal: Journal) -> None:
        verbose = "print('x' * 3_000_000); print('after', flush=True);" + IDLE
        async with Supervisor(one_by_one(spec("server", verbose)), journal.log):
            assert journal.lines("server")[-2:-1] == ["up"]
            assert "after" in journal.lines("server")

    async def test_passes_on_output_that_is_not_utf8(self, journal: Journal) -> None:
        binary = r"import os; os.write(1, b'caf\xe9\n');" + IDLE
        async with Supervisor(one_by_one(spec("server", binary)), journal.log):
            assert journal.lines("server")[0] == "caf�"
