"""A record takes the journey that the documentation describes."""

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from temporalio.testing import WorkflowEnvironment

from clients.entities import EntityClient
from domain.plans import Plans
from domain.subscription import ConsumerSnapshot, ConsumerTask
from tests.brokers.fixtures import EVERYTHING, open_topics, subscription
from tests.eventually import eventually
from workers.kafka.ingress import KafkaIngress

ROOT = Path(__file__).parents[3]
Step = tuple[str, str]


def documented_steps() -> list[Step]:
    page = (ROOT / "docs" / "kafka-ingress.md").read_text()
    return re.findall(r"^\d+\. `([\w/.]+)`: `(\w+)`", page, flags=re.MULTILINE)


@contextmanager
def recorded_calls() -> Iterator[list[Step]]:
    """Our functions in the order of their calls; a coroutine that resumes counts as called."""
    calls: list[Step] = []

    def record(frame: FrameType, event: str, argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            calls.append((path.relative_to(ROOT).as_posix(), frame.f_code.co_name))

    before = sys.getprofile()
    sys.setprofile(record)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def committed(reports: list[ConsumerSnapshot]) -> list[int]:
    """What each partition has committed; the first reports have no partitions, which are assigned later."""
    return [partition.committed for partition in reports[-1].partitions] if reports else []


async def test_a_record_takes_the_documented_steps_in_order(
    time_skipping: WorkflowEnvironment, embedded_broker: str
) -> None:
    async with open_topics(embedded_broker) as topics:
        topic = await topics.make()
        await topics.write(topic, (f"user-of-{topic}".encode(), b'{"content": "hello", "metadata": ""}'))
    entities = EntityClient(time_skipping.client, Plans())
    ingress = KafkaIngress(entities, {"local": embedded_broker}, EVERYTHING, None)
    reports: list[ConsumerSnapshot] = []
    stop = asyncio.Event()
    task = ConsumerTask(subscription=subscription(topic), member=0)
    with recorded_calls() as calls:
        running = asyncio.create_task(ingress.run(task, reports.append, stop))
        await eventually(lambda: running.done() or committed(reports) == [1])
        stop.set()
        await running
    await time_skipping.client.get_workflow_handle(f"user-feed:user-of-{topic}").terminate()
    steps = documented_steps()
    assert len(steps) == 9
    remaining = iter(calls)
    missing = [step for step in steps if step not in remaining]
    assert missing == [], "docs/kafka-ingress.md: Follow one record"
