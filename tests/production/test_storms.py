"""The six patterns while a server of the production stack fails, and while every process is restarted in turn."""

import sys
from functools import partial

import httpx2
import pytest

from tests.chaos.faults import Fault, FaultCounts, Injector, Kind
from tests.chaos.storm import Storm
from tests.chaos.units import Size
from tests.production.faults import POSTGRESQL, inject
from tests.production.stack import ProductionStack

SIZE = Size(
    seconds=14,
    faults=FaultCounts(0, 0, 0),
    tasks=36,
    bookings=25,
    invoices=9,
    jobs=12,
    users=5,
    posts_of_a_user=3,
    packages=6,
    locations_of_a_package=10,
)
"""Fewer posts than in other storms: here moderation is asked every 5 s, as in production."""
STORMS = {
    "postgresql is killed": [Fault(2, Kind.KILL, POSTGRESQL, 2), Fault(9, Kind.KILL, POSTGRESQL, 1)],
    "postgresql is restarted": [Fault(2, Kind.RESTART, POSTGRESQL, 0), Fault(7, Kind.RESTART, POSTGRESQL, 3)],
    "postgresql hangs": [Fault(3, Kind.PAUSE, POSTGRESQL, 11)],
    "postgresql refuses connections": [Fault(3, Kind.REFUSE, POSTGRESQL, 8)],
    "temporal is killed": [Fault(2, Kind.KILL, "temporal", 2), Fault(9, Kind.KILL, "temporal", 1)],
    "kafka is killed": [Fault(2, Kind.KILL, "broker", 2), Fault(10, Kind.KILL, "broker", 1)],
}
IN_TURN = [
    Fault(number, Kind.RESTART, target, 0)
    for number, target in enumerate(("gateway", "workers", "workers-2", "temporal", "broker", POSTGRESQL), 1)
]


async def storm(
    stack: ProductionStack,
    http: httpx2.AsyncClient,
    injector: Injector,
    prefix: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    over = Storm(stack, http, SIZE, injector, prefix=prefix, idempotent=True)
    wrong = await over.run()
    with capsys.disabled():
        sys.stdout.write(f"\n{over.report(wrong)}\n{await over.explain(wrong)}\n")
    assert not wrong
    assert await over.dead_records() == []


@pytest.mark.parametrize("what", STORMS)
async def test_every_unit_ends_as_its_model_says_while(
    production: ProductionStack, http: httpx2.AsyncClient, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    injector = Injector(STORMS[what], partial(inject, production))
    await storm(production, http, injector, f"{what.replace(' ', '-')}-", capsys)


async def test_a_rolling_restart_of_every_process_loses_and_doubles_nothing(
    production: ProductionStack, http: httpx2.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other; each is ready before the next one stops."""
    injector = Injector(IN_TURN, partial(inject, production), in_turn=True)
    await storm(production, http, injector, "rolling-", capsys)
