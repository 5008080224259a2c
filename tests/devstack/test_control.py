"""The supervisor's HTTP interface: whom it answers, and what it kills."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from api.routes.console import SUPERVISOR
from devstack import servers
from devstack.control import Control
from devstack.data_folder import DataFolder
from devstack.ports import HOST, free_ports
from devstack.restarts import Restarts
from devstack.supervisor import Supervisor
from tests.devstack.small_processes import Journal, spec
from tests.eventually import eventually

GATEWAY = "http://127.0.0.1:8080"
KILL = "/processes/workers/kill"


class Offered:
    """A control that serves, and what its console sends."""

    def __init__(self, control: Control, restarts: Restarts, processes: Supervisor) -> None:
        self.control = control
        self.restarts = restarts
        self.processes = processes
        self.headers = {"Origin": GATEWAY, "Authorization": f"Bearer {control.token}"}

    async def ask(self, method: str, path: str, **headers: str | bytes) -> httpx2.Response:
        given = {**self.headers, **headers}
        sent = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in given.items()]
        async with httpx2.AsyncClient(base_url=self.control.url, timeout=60) as http:
            return await http.request(method, path, headers=[each for each in sent if each[1]])


@asynccontextmanager
async def offering(*, down_seconds: float) -> AsyncIterator[Offered]:
    journal = Journal()
    async with Supervisor([[spec("broker"), spec("workers")]], journal.log) as processes:
        restarts = Restarts(processes, journal.log, (down_seconds,))
        control = Control(GATEWAY)
        async with control.serving(restarts):
            running = asyncio.create_task(restarts.run())
            yield Offered(control, restarts, processes)
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@pytest.fixture
async def offered() -> AsyncIterator[Offered]:
    async with offering(down_seconds=0) as offered:
        yield offered


async def test_the_console_sees_the_processes(offered: Offered) -> None:
    answer = await offered.ask("GET", "/processes")

    assert answer.headers["access-control-allow-origin"] == GATEWAY
    shown = [{name: each[name] for name in ("name", "status", "restarts", "canBeKilled")} for each in answer.json()]
    assert shown == [
        {"name": "broker", "status": "UP", "restarts": 0, "canBeKilled": False},
        {"name": "workers", "status": "UP", "restarts": 0, "canBeKilled": True},
    ]


async def test_the_console_kills_a_process_which_is_started_again(offered: Offered) -> None:
    before = offered.processes.pids()

    answer = await offered.ask("POST", KILL)

    assert answer.json() == {"killed": "workers"}
    await eventually(lambda: offered.restarts.states["workers"].restarts == 1)
    assert offered.processes.pids()["workers"] != before["workers"]
    assert offered.processes.pids()["broker"] == before["broker"]


@pytest.mark.parametrize("origin", ["http://localhost:8080", "http://[::1]:8080"])
async def test_a_page_may_have_the_gateways_other_loopback_names(offered: Offered, origin: str) -> None:
    assert (await offered.ask("GET", "/processes", Origin=origin)).status_code == 200


WRONG: list[dict[str, str | bytes]] = [
    {"Origin": ""},
    {"Origin": "null"},
    {"Origin": "http://example.org"},
    {"Origin": "http://example.org:8080"},
    {"Origin": "http://127.0.0.1:8081"},
    {"Origin": "https://127.0.0.1:8080"},
    {"Origin": "http://127.0.0.1:8080.example.org"},
    {"Host": "example.org"},
    {"Host": "127.0.0.1.example.org"},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer täuschung".encode()},
    {"Authorization": "Basic dG9rZW4="},
]


@pytest.mark.parametrize(("method", "path"), [("GET", "/processes"), ("POST", KILL)])
async def test_nothing_else_is_answered_and_nothing_is_killed(offered: Offered, method: str, path: str) -> None:
    before = offered.processes.pids()

    for wrong in WRONG:
        answer = await offered.ask(method, path, **wrong)
        assert answer.status_code in (400, 403), wrong
        assert "workers" not in answer.text
        if wrong.get("Origin"):
            assert "access-control-allow-origin" not in answer.headers, wrong

    assert offered.processes.pids() == before
    assert offered.restarts.states["workers"].restarts == 0


async def test_a_browser_that_asks_first_is_only_granted_what_the_console_sends(offered: Offered) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}

    ours = await offered.ask("OPTIONS", KILL, Authorization="", **asked)
    theirs = await offered.ask("OPTIONS", KILL, Authorization="", Origin="http://example.org", **asked)

    assert (ours.status_code, ours.headers["access-control-allow-origin"]) == (200, GATEWAY)
    assert theirs.status_code == 400
    assert "access-control-allow-origin" not in theirs.headers


@pytest.mark.parametrize("name", ["broker", "none", "..", "1"])
async def test_the_broker_and_what_is_no_process_are_not_killed(offered: Offered, name: str) -> None:
    before = offered.processes.pids()

    answer = await offered.ask("POST", f"/processes/{name}/kill")

    assert answer.status_code == 404
    assert offered.processes.pids() == before


async def test_a_process_is_not_killed_by_reading(offered: Offered) -> None:
    assert (await offered.ask("GET", KILL)).status_code == 405


async def test_a_process_that_is_down_is_not_killed_again() -> None:
    async with offering(down_seconds=3600) as offered:
        await offered.ask("POST", KILL)

        answer = await offered.ask("POST", KILL)

    assert (answer.status_code, answer.text) == (409, "workers is down already.")


def test_only_a_stack_with_the_button_names_its_supervisor_to_the_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SUPERVISOR, "http://token@127.0.0.1:1")
    ports, data = free_ports(), DataFolder(tmp_path)
    control = Control(GATEWAY)

    without, offering = (servers.stages(ports, data, settings) for settings in ({}, control.settings))

    assert all(SUPERVISOR not in spec.environment for stage in without for spec in stage)
    [gateway] = [spec for stage in offering for spec in stage if spec.name == "gateway"]
    named = urlsplit(gateway.environment[SUPERVISOR])
    assert (named.username, f"http://{named.hostname}:{named.port}") == (control.token, control.url)
    assert named.hostname == HOST
