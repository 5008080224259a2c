"""Many calls at the same time meet the gateway's limits, and none of Temporal's own."""

import asyncio

import httpx2
import pytest

from tests.eventually import eventually
from tests.production.stack import ProductionStack
from tests.production.waiting_calls import Got, get_at_once

CALLERS = 10
"""Each makes fewer calls than a caller may (CALLER_RATE, CALLER_WAITING)."""
STILL_RUNNING = Got(504, "not-finished", retry_after=True)
"""The outcome of a call that waited until MAX_WAIT, 1 minute, was over."""


@pytest.fixture(scope="session")
async def keys(production: ProductionStack) -> list[str]:
    """New keys that the gateway has read."""
    made = [production.make_key(f"caller-{number}") for number in range(CALLERS)]

    async def are_known() -> bool:
        answers = await get_at_once(production.gateway_url, "/AsyncTaskWorker/deadLetters", made, 1)
        return not any(answer.status == httpx2.codes.UNAUTHORIZED for answer in answers)

    await eventually(are_known)
    return made


async def test_calls_wait_as_long_as_they_may_at_each_gateway_and_others_are_asked_to_come_back(
    production: ProductionStack, http: httpx2.AsyncClient, keys: list[str]
) -> None:
    """Temporal lets 1,200 calls wait by default. Here 1,500 do: 1,000 at one gateway, 500 at the other."""
    task = {"kind": "heavy_work", "payload": {"task": "of many waiting calls"}}
    accepted = await http.post("/AsyncTaskWorker/runTask/send?delay=1h", json=task)
    path = f"/invocations/{accepted.json()['invocationId']}"
    async with production.another_gateway() as second_url:
        first, second = await asyncio.gather(
            get_at_once(production.gateway_url, f"{path}/attach", keys, 150),
            get_at_once(second_url, f"{path}/attach", keys, 50),
        )
    assert first == {STILL_RUNNING: 1000, Got(503, "too-many-waiting", retry_after=True): 500}
    assert second == {STILL_RUNNING: 500}
    assert (await http.delete(path)).status_code == 202


async def test_sixty_listings_at_once_are_served(production: ProductionStack, keys: list[str]) -> None:
    """Temporal allows ten a second by default."""
    answers = await get_at_once(production.gateway_url, "/AsyncTaskWorker/deadLetters", keys, 6)
    assert answers == {Got(200): 60}


async def test_of_a_thousand_listings_at_once_each_is_served_or_asked_to_come_back(
    production: ProductionStack, keys: list[str]
) -> None:
    answers = await get_at_once(production.gateway_url, "/AsyncTaskWorker/deadLetters", keys, 100)
    assert all(answer.status == 200 or (answer.status in (429, 503) and answer.retry_after) for answer in answers)
    assert answers[Got(200)] >= 100
