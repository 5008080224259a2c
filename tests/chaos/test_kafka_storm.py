"""Nothing is lost, doubled or out of order, whichever process is killed. `make chaos` runs the long form."""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator

import httpx2
import pytest

from devstack.stack import Stack
from tests.chaos.faults import killer
from tests.chaos.kafka_storm import Flow, all_arrived, compare, make_topic, produce, register, storm, subscribe
from tests.chaos.stormy_stack import FULL, stormy_stack


@pytest.fixture(scope="module")
async def embedded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Stack, httpx2.AsyncClient]]:
    """Each storm has topics of its own, and ends when every process runs again."""
    async with stormy_stack(tmp_path_factory.mktemp("storm")) as running:
        yield running


@pytest.mark.timeout(1200)
async def test_kills_of_workers_and_temporal_lose_and_double_nothing(
    embedded: tuple[Stack, httpx2.AsyncClient], capsys: pytest.CaptureFixture[str]
) -> None:
    stack, http = embedded
    records, keys, per_second = (100_000, 1_000, 700) if FULL else (1_500, 30, 100)
    flow = Flow(records, keys, 4, "my-cluster", stack.bootstrap)
    report = await storm(stack, http, flow, [killer(stack, "workers"), killer(stack, "temporal")], per_second)
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")


@pytest.mark.timeout(600)
async def test_consumers_that_join_and_leave_all_the_time_lose_and_double_nothing(
    embedded: tuple[Stack, httpx2.AsyncClient],
) -> None:
    stack, http = embedded
    records, keys, seconds = (20_000, 200, 60) if FULL else (600, 20, 8)
    flow = Flow(records, keys, 4, "my-cluster", stack.bootstrap)
    await make_topic(flow)
    await register(http, flow)
    producing = asyncio.create_task(produce(flow, records / seconds))
    for consumers in itertools.cycle((1, 3, 2, 4)):
        subscription_id = await subscribe(http, flow, consumers=consumers)
        if producing.done():
            break
        await asyncio.sleep(1)
        await http.delete(f"/subscriptions/{subscription_id}")
    await producing
    await all_arrived(http, flow, within_seconds=300)


def test_the_comparison_finds_a_lost_a_doubled_and_a_misplaced_record() -> None:
    flow = Flow(12, 2, 1, "my-cluster", "nowhere")
    right = flow.locations(0)
    assert compare(flow, 0, right) is None
    assert "lost ['record 4']" in str(compare(flow, 0, [*right[:2], *right[3:]]))
    assert "doubled ['record 4']" in str(compare(flow, 0, [*right[:3], *right[2:]]))
    assert compare(flow, 0, [right[1], right[0], *right[2:]]) is not None
