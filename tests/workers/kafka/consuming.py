"""A consumer that runs during a test."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from domain.checkpoint import Checkpoint
from domain.subscription import ConsumerSnapshot, ConsumerTask, Subscription
from domain.user_feed import SocialMediaPost
from infra.kafka.clusters import KafkaClusters
from infra.kafka.connection import KafkaCluster
from infra.kafka.dead_letter_writer import DeadLetterWriter
from tests.eventually import eventually
from workers.kafka.consumer import Timing, TopicConsumer
from workers.kafka.decisions.lanes import Limits
from workers.kafka.decisions.memory import Memory, Share
from workers.kafka.delivery import Destination, Sink

QUICK = Timing(check_topic=0.5, topic_missing=60)
"""Checks often, and waits long for a missing topic: on a busy machine a new topic takes a while to appear."""
IMPATIENT = Timing(check_topic=0.5, topic_missing=1)
"""For tests in which the topic stays missing."""


def post(key: str, content: object) -> tuple[bytes, bytes]:
    return key.encode(), b'{"content": "%s", "metadata": ""}' % str(content).encode()


class Running:
    """A consumer that runs, and what it reports."""

    def __init__(self, task: asyncio.Task[None], stop: asyncio.Event, reports: list[ConsumerSnapshot]) -> None:
        self.task = task
        self.stop = stop
        self._reports = reports

    @property
    def progress(self) -> ConsumerSnapshot:
        return self._reports[-1]

    @property
    def reported(self) -> bool:
        return bool(self._reports)

    def errors(self) -> list[str | None]:
        """What it reported as its last error, each time."""
        return [report.last_error for report in self._reports]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for `condition`; if the consumer fails first, raise its error."""
        await eventually(lambda: self.task.done() or condition())
        if self.task.done():
            self.task.result()

    async def committed(self, offset: int) -> None:
        await self.until(lambda: self._reports and [p.committed for p in self.progress.partitions] == [offset])


@asynccontextmanager
async def consuming(
    cluster: KafkaCluster | str,
    sub: Subscription,
    sink: Sink,
    member: int = 0,
    *,
    timing: Timing = QUICK,
    share: Share | None = None,
    checkpoint: Checkpoint | None = None,
) -> AsyncIterator[Running]:
    clusters = KafkaClusters({"local": cluster})
    dead_letters = DeadLetterWriter(clusters, sub)
    limits = Limits(sub.options.max_in_flight, sub.options.max_batch, share=share or Share(Memory()))
    destination = Destination(sink, dead_letters, SocialMediaPost, limits, sub.id)
    reports: list[ConsumerSnapshot] = []
    stop = asyncio.Event()
    task = ConsumerTask(subscription=sub, member=member, checkpoint=checkpoint)
    consumer = TopicConsumer(task, clusters, None, destination, reports.append, timing=timing)
    running = Running(asyncio.create_task(consumer.run(stop)), stop, reports)
    try:
        yield running
    finally:
        stop.set()
        await asyncio.wait({running.task})
        await dead_letters.close()
    if not running.task.cancelled():
        running.task.result()


async def commit(address: str, sub: Subscription, offset: int) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=sub.group, enable_auto_commit=False)
    consumer.assign([TopicPartition(sub.topic, 0)])
    await consumer.start()
    await consumer.commit({TopicPartition(sub.topic, 0): offset})
    await consumer.stop()
