"""Reads the records of a consumer's partitions, a limited number of bytes at a time."""

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from domain.records import Record
from workers.kafka.client import as_record
from workers.kafka.decisions.budget import Room
from workers.kafka.decisions.partition import Partition
from workers.kafka.positions import Positions

POLL_MS = 200
POLL_RECORDS = 1_000
SMALL_BYTES = 4 * 1024
SMALL_RECORDS = 8
"""Taken together after a record of at most `SMALL_BYTES`: one by one costs 10 µs a record. If large ones follow, there
are only so many of them."""


class Reader:
    """Takes few records at a time from aiokafka, whose own limit counts records: a thousand may have gigabytes."""

    def __init__(self, client: AIOKafkaConsumer, topic: str, positions: Positions) -> None:
        self._client = client
        self._topic = topic
        self._positions = positions
        self._turn = 0

    async def read(self, room: Room, partitions: Mapping[int, Partition]) -> list[Record]:
        """Return the next records that there is room for, or none after 200 ms."""
        numbers = room.partitions
        if not numbers:  # without partitions, getmany would read all of them
            await asyncio.sleep(POLL_MS / 1000)
            return []
        records = await self._next(numbers, partitions, POLL_MS)
        for record in records:
            room.take(record)
        if records:
            self._turn += 1  # which partition gets the room changes from time to time
            first = self._turn % len(numbers)
            for number in [*numbers[first:], *numbers[:first]]:
                await self._drain(number, room, partitions, records)
        return records

    async def _drain(self, number: int, room: Room, partitions: Mapping[int, Partition], records: list[Record]) -> None:
        """Add what is fetched of a partition to `records`."""
        count = 1
        while room.has(number) and len(records) < POLL_RECORDS:
            following = await self._next([number], partitions, 0, count)
            if not following:
                return
            for record in following:
                room.take(record)
            records += following
            count = SMALL_RECORDS if following[-1].size_bytes <= SMALL_BYTES else 1

    async def _next(
        self, numbers: Sequence[int], partitions: Mapping[int, Partition], timeout_ms: int, count: int = 1
    ) -> list[Record]:
        """Return so many records at most, or none."""
        wanted = [TopicPartition(self._topic, number) for number in numbers]
        try:
            polled = await self._client.getmany(*wanted, timeout_ms=timeout_ms, max_records=count)
        except NoOffsetForPartitionError:
            return []  # the client's own, from before `Positions.begin` set the position
        except OffsetOutOfRangeError as error:
            await self._positions.recover(error, partitions)
            return []
        return [as_record(record) for records in polled.values() for record in records]
