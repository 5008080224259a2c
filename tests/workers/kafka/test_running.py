"""A worker knows which of its consumers do not move records."""

import asyncio
from datetime import UTC, datetime

import pytest

from domain.subscription import ConsumerSnapshot, ConsumerTask, Stall, SubscriptionBroken
from infra.readiness import NotReady
from tests.brokers.fixtures import subscription
from tests.consumer_snapshots import BEGUN
from workers.kafka.running import RESTARTED_WITHIN_SECONDS, RunningConsumers

STALL = Stall(reason="Kafka does not answer.", since=datetime(2026, 1, 1, tzinfo=UTC))


def snapshot(stall: Stall | None) -> ConsumerSnapshot:
    return BEGUN.model_copy(update={"stall": stall})


def task(topic: str, stall: Stall | None = None) -> ConsumerTask:
    return ConsumerTask(subscription=subscription(topic), member=0, stall=stall)


async def problem(consumers: RunningConsumers) -> str | None:
    try:
        await consumers.check()
    except NotReady as failed:
        return f"{failed.state}: {failed}"
    return None


async def test_a_stall_counts_until_the_consumer_reports_that_it_moves() -> None:
    consumers, reported = RunningConsumers(), list[ConsumerSnapshot]()
    with consumers.running(task("posts"), reported.append) as report, consumers.running(task("b"), reported.append):
        assert await problem(consumers) is None
        report(snapshot(STALL))
        said = await problem(consumers)
        assert said is not None
        assert said.startswith("a consumer does not move records: local.posts-")
        assert said.endswith(", consumer 1: Kafka does not answer.")
        report(snapshot(None))
        assert await problem(consumers) is None
    assert [each.stall for each in reported] == [STALL, None]


async def test_a_stall_of_the_consumer_before_counts_until_this_one_moves() -> None:
    consumers = RunningConsumers()
    with consumers.running(task("posts", STALL), lambda _: None) as report:
        assert await problem(consumers)
        report(snapshot(None))
        assert await problem(consumers) is None


async def test_one_that_fails_counts_until_it_is_started_again_here_or_elsewhere() -> None:
    now = 0.0
    consumers = RunningConsumers(lambda: now)
    with pytest.raises(ConnectionError), consumers.running(task("posts"), lambda _: None):
        raise ConnectionError("no broker")
    said = await problem(consumers)
    assert said is not None
    assert said.endswith("it is started again: ConnectionError: no broker")
    with consumers.running(task("posts"), lambda _: None):
        assert await problem(consumers) is None
    with pytest.raises(ConnectionError), consumers.running(task("posts"), lambda _: None):
        raise ConnectionError("no broker")
    now = RESTARTED_WITHIN_SECONDS + 1  # Temporal has chosen another worker
    assert await problem(consumers) is None


@pytest.mark.parametrize("end", [SubscriptionBroken("no topic"), asyncio.CancelledError()])
async def test_one_that_has_ended_for_good_does_not_count(end: BaseException) -> None:
    consumers = RunningConsumers()
    with pytest.raises(type(end)), consumers.running(task("posts", STALL), lambda _: None):
        raise end
    assert await problem(consumers) is None
