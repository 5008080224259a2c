"""The brokers that these tests run on: the embedded one, and Apache Kafka where this machine has it."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code

from domain.allowed import ClusterAllowance
from domain.subscription import Subscription, SubscriptionOptions
from tests.brokers.apache import ApacheKafka
from tests.brokers.embedded import running_broker
from tests.conftest import apache_kafka_here
from tests.eventually import eventually


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every broker test on each available broker, one with the mark `any_broker` on the embedded one."""
    if "broker" in metafunc.fixturenames:
        brokers = [pytest.param("embedded_broker")]
        if not metafunc.definition.get_closest_marker("any_broker") and not isinstance(
            apache_kafka_here(metafunc.config), str
        ):
            brokers.append(pytest.param("apache_broker", marks=pytest.mark.production))
        metafunc.parametrize("broker", brokers, indirect=True)


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> str:
    """The address of a broker that tests share; each test has its own topics."""
    address: str = request.getfixturevalue(request.param)
    return address


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[str]:
    with running_broker() as address:
        yield address


@pytest.fixture(scope="session")
def apache_broker(apache_kafka: ApacheKafka) -> str:
    return apache_kafka.address


EVERYTHING = {"local": ClusterAllowance(topics=("*",), groups=("*",))}
"""What subscriptions may name where a test is about something else."""


class Topics:
    """Makes topics and writes to them."""

    def __init__(self, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer) -> None:
        self._admin = admin
        self._producer = producer

    async def make(self, partitions: int = 1, name: str | None = None, **config: str) -> str:
        """`config` are the topic's own settings, with `_` for each dot."""
        topic = name or f"posts-{uuid.uuid4().hex[:8]}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        answer = await self._admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=settings)])
        assert answer.topic_errors[0][1] == 0, answer
        return topic

    async def change(self, topic: str, **config: str) -> None:
        """Replace the topic's own settings."""
        settings = {key.replace("_", "."): value for key, value in config.items()}
        await self._admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, settings)])

    async def forget(self, topic: str, before: int) -> None:
        """Remove the records of partition 0 before an offset, as retention does."""
        await self._admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before)})

    async def made_again(self, topic: str) -> bool:
        """Recreate a removed topic. Return False while the broker still has a part of the old one."""
        answer = await self._admin.create_topics([NewTopic(topic, 1, 1)])
        return bool(answer.topic_errors[0][1] == 0)

    async def remove(self, topic: str) -> None:
        await self._admin.delete_topics([topic])

    async def write(self, topic: str, *records: tuple[bytes | None, bytes | None], partition: int = 0) -> None:
        for key, value in records:
            await self.send(topic, (key, value), partition)
        await self._producer.flush()

    async def send(self, topic: str, record: tuple[bytes | None, bytes | None], partition: int) -> None:
        """Write without waiting for the broker."""
        key, value = record
        await self._producer.send(topic, key=key, value=value, partition=partition, headers=[("trace", b"t1")])


@pytest.fixture
async def topics(broker: str) -> AsyncIterator[Topics]:
    async with open_topics(broker) as topics:
        yield topics


@asynccontextmanager
async def open_topics(address: str) -> AsyncIterator[Topics]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all")
    await admin.start()
    await producer.start()
    yield Topics(admin, producer)
    await producer.stop()
    await admin.close()


async def make_topic(address: str, topic: str) -> None:
    """Make a topic of one partition, unless there is one of this name. Return when the broker knows it.

    Apache Kafka answers when its controller has the topic; the node that is asked next may hear of it later.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(topic, 1, 1)])
        assert for_code(answer.topic_errors[0][1]) in (NoError, TopicAlreadyExistsError), answer

        async def known() -> bool:
            (description,) = await admin.describe_topics([topic])
            return for_code(description["error_code"]) is NoError

        await eventually(known)
    finally:
        await admin.close()


def subscription(topic: str, **options: object) -> Subscription:
    """A subscription of `UserFeed/processPost` to `topic` in the cluster `local`."""
    return Subscription(
        cluster="local",
        topic=topic,
        service="UserFeed",
        handler="processPost",
        options=SubscriptionOptions.model_validate(options),
    )
