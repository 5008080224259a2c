"""How a consumer treats a topic that its broker does not know, or knows under another ID."""

import asyncio
import gc
from collections.abc import Iterable

import pytest

from domain.subscription import SubscriptionBroken
from infra.kafka.clusters import KafkaClusters, Topic
from infra.kafka.deadlines import KafkaUnreachable
from tests.brokers.fixtures import subscription
from workers.kafka import topic_watch
from workers.kafka.topic_watch import TopicChanged, TopicWatch

FIRST, SECOND = Topic("first", 1), Topic("second", 1)
Answer = Topic | KafkaUnreachable | None


class Answers(KafkaClusters):
    """A cluster that gives the listed answers in turn, then repeats the last one."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        super().__init__({})
        self._answers = list(answers)
        self.asked = 0

    async def topic(self, cluster: str, topic: str) -> Topic | None:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        if isinstance(answer, KafkaUnreachable):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_watch, "ASK_AGAIN_SECONDS", 0)


def watching(*answers: Answer, missing_seconds: float = 60) -> tuple[TopicWatch, Answers]:
    cluster = Answers(answers)
    return TopicWatch(cluster, subscription("posts"), 0, missing_seconds), cluster


async def test_a_topic_that_a_broker_does_not_know_yet_is_asked_for_again() -> None:
    watch, _ = watching(None, None, FIRST)
    assert await watch.begin() == FIRST


async def test_a_topic_missing_while_it_is_recreated_has_changed_and_is_not_lost() -> None:
    watch, _ = watching(FIRST, None, None, SECOND)
    await watch.begin()
    with pytest.raises(TopicChanged):
        await watch.run()


async def test_a_topic_that_a_broker_missed_for_a_moment_has_not_changed() -> None:
    watch, cluster = watching(FIRST, None, FIRST)
    await watch.begin()
    await watch.check()
    assert cluster.asked == 3


async def test_a_topic_that_stays_missing_breaks_the_subscription() -> None:
    watch, cluster = watching(FIRST, None, missing_seconds=0.05)
    await watch.begin()
    with pytest.raises(SubscriptionBroken, match="Topic 'posts' is not in cluster 'local' any more"):
        await watch.run()
    assert cluster.asked > 2, "one answer does not prove it"


async def test_an_outage_while_the_topic_is_missing_is_an_outage() -> None:
    watch, _ = watching(None, KafkaUnreachable("no broker"))
    with pytest.raises(KafkaUnreachable):
        await watch.begin()


async def test_a_watch_outlives_an_outage() -> None:
    watch, _ = watching(FIRST, None, KafkaUnreachable("no broker"), FIRST, None, SECOND)
    await watch.begin()
    async with asyncio.timeout(60):
        with pytest.raises(TopicChanged):
            await watch.run()


class Slow(Answers):
    """Answers when it may."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        super().__init__(answers)
        self.may = asyncio.Event()

    async def topic(self, cluster: str, topic: str) -> Topic | None:
        await self.may.wait()
        return await super().topic(cluster, topic)


async def test_a_lookup_that_fails_after_the_watch_was_cancelled_is_no_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = Slow([KafkaUnreachable("Kafka does not answer.")])
    watch = TopicWatch(cluster, subscription("posts"), 0, 60)
    beginning = asyncio.create_task(watch.begin())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    beginning.cancel()
    await asyncio.gather(beginning, return_exceptions=True)

    del beginning
    cluster.may.set()
    await watch.close(60)
    gc.collect()

    assert cluster.asked == 1
    assert caplog.messages == []
