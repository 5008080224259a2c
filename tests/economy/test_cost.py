"""A change that makes a unit dearer, or cheaper, is seen; and what is counted is what Temporal counts."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
import pytest
from temporalio.client import Client

from devstack.ports import claim_ports
from domain.steps import StepMode
from tests.dev_server import dev_server
from tests.economy import record
from tests.economy.calls import declined_trip
from tests.economy.cost import ATTEMPTS, Cost, all_differences, differences, load
from tests.economy.keys import unpaid_invoice
from tests.economy.plays import PLAYS, Play, as_processes_have_it
from tests.eventually import eventually

RECORDED = load()
ACTION_TYPES = {
    "grpc_StartWorkflowExecution": "start",
    "grpc_SignalWithStartWorkflowExecution": "signal",
    "command_ScheduleActivityTask": "activity",
    "command_BatchMarkers": "local activities",
    "command_StartTimer": "timer",
    "command_UpsertWorkflowSearchAttributes": "search attributes",
}
"""Temporal's names of what the units' histories have. Its metric does not have standalone activities (1.32.0)."""


@dataclass(frozen=True)
class MeasuredServer:
    client: Client
    metrics_url: str

    async def actions(self) -> Counter[str]:
        """The actions that the server has counted, by our names. It counts a moment after it has answered."""
        async with httpx2.AsyncClient(timeout=60) as http:
            text = (await http.get(self.metrics_url)).text
        counts = re.findall(r'^action\{action_type="(\w+)",namespace="default",.*\} (\d+)$', text, re.MULTILINE)
        return Counter({ACTION_TYPES.get(name, name): int(count) for name, count in counts})


@asynccontextmanager
async def measured_server() -> AsyncIterator[MeasuredServer]:
    [port] = claim_ports(1)
    async with dev_server({}, "--metrics-port", str(port)) as environment:
        yield MeasuredServer(as_processes_have_it(environment.client), f"http://127.0.0.1:{port}/metrics")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[MeasuredServer]:
    async with measured_server() as server:
        yield server


@pytest.fixture
async def new_server() -> AsyncIterator[MeasuredServer]:
    """It has counted nothing yet, nor will it count what another test did."""
    async with measured_server() as server:
        yield server


@pytest.mark.parametrize(("play", "mode"), [(play, mode) for play in PLAYS for mode in play.modes], ids=str)
async def test_a_unit_costs_what_is_recorded(server: MeasuredServer, play: Play, mode: StepMode) -> None:
    recorded = RECORDED[play.name][mode]
    for _ in range(ATTEMPTS):
        if not (found := all_differences(recorded, await play.run(server.client, mode))):
            return
    pytest.fail("\n".join([*found, f"If that is on purpose, record it: python -m {record.__name__}"]))


def test_what_is_recorded_is_played() -> None:
    assert {name: tuple(by_mode) for name, by_mode in RECORDED.items()} == {play.name: play.modes for play in PLAYS}


async def test_temporal_counts_the_same_actions(new_server: MeasuredServer) -> None:
    """The server's metric `action` is made for estimates of what Temporal Cloud would bill."""
    counted = Counter[str]()
    for play in (declined_trip, unpaid_invoice):
        for mode in StepMode:
            for cost in (await play(new_server.client, mode)).values():
                counted.update(cost.actions)
    assert counted.keys() == set(ACTION_TYPES.values())

    async def server_agrees() -> bool:
        return await new_server.actions() == counted

    await eventually(server_agrees)


BEFORE = Cost(units=2, events=20, transitions=10, bytes=2_000, actions={"signal": 2, "timer": 1})


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (BEFORE, []),
        (Cost(2, 21, 10, 2_000, {"signal": 2, "timer": 1}), ["events 20 -> 21: dearer"]),
        (Cost(2, 20, 9, 2_000, {"signal": 2, "timer": 1}), ["transitions 10 -> 9: cheaper"]),
        (Cost(2, 20, 10, 2_199, {"signal": 2, "timer": 1}), []),
        (Cost(2, 20, 10, 2_201, {"signal": 2, "timer": 1}), ["bytes 2000 -> 2201: dearer"]),
        (Cost(2, 20, 10, 1_799, {"signal": 2, "timer": 1}), ["bytes 2000 -> 1799: cheaper"]),
        (
            Cost(2, 20, 10, 2_000, {"signal": 2, "timer": 1, "query": 1}),
            ["actions 3 -> 4: dearer", "actions (query) 0 -> 1: dearer"],
        ),
        (
            Cost(2, 20, 10, 2_000, {"signal": 3}),
            ["actions (signal) 2 -> 3: dearer", "actions (timer) 1 -> 0: cheaper"],
        ),
    ],
)
def test_it_says_what_became_dearer(after: Cost, found: list[str]) -> None:
    assert differences(BEFORE, after) == found


def test_messages_cost_what_they_add() -> None:
    after = Cost(1, 28, 16, 3_000, {"signal": 4, "timer": 1})
    assert after.since(BEFORE, 2) == Cost(2, 8, 6, 1_000, {"signal": 2})


def test_a_unit_that_is_not_recorded_is_found() -> None:
    assert all_differences({}, {"trip": BEFORE}) == ["units [] -> ['trip']"]
