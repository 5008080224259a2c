"""What the subscription's group has committed, as Kafka itself has it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

ANSWERED_WITHIN_SECONDS = 5


class CommittedOffsets:
    """The offsets of one topic's group. The topic's first offsets are 0, so their sum is a number of records."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self.total = 0
        """The sum of the highest offsets seen: a consumer that has just started may commit an earlier one again."""
        self._bootstrap = bootstrap
        self._group = group
        self._highest: dict[int, int] = {}

    async def look(self) -> None:
        """Ask Kafka. Without an answer in time, as while a node restarts, the total stays."""
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_SECONDS), self._admin() as admin:
                committed = await admin.list_consumer_group_offsets(self._group)
        except (KafkaError, OSError, TimeoutError):
            return
        for partition, offset in committed.items():
            number = partition.partition
            self._highest[number] = max(offset.offset, self._highest.get(number, 0))
        self.total = sum(self._highest.values())

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        """A new client each time: one whose node has stopped would go on asking that node."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()
