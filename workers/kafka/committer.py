"""Commits the offsets of finished records."""

import asyncio
import logging
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from domain.subscription import Subscription
from infra.retry_log import RetryLog
from workers.kafka.decisions.beginning import AUTHOR
from workers.kafka.decisions.commits import CommitSchedule
from workers.kafka.decisions.counts import COMMIT
from workers.kafka.decisions.partition import Partition

log = logging.getLogger(__name__)

COMMIT_SECONDS = 5.0


class Committer:
    """Commits for one consumer. A commit that fails raises nothing: it is repeated, and after a crash the entities drop
    the records that are read again."""

    def __init__(
        self,
        client: AIOKafkaConsumer,
        subscription: Subscription,
        partitions: Mapping[int, Partition],
        committed: Mapping[int, int],
        now: float,
    ) -> None:
        """`committed` are the group's offsets, where it has any."""
        self._client = client
        self._subscription = subscription
        self._partitions = partitions
        self._schedule = CommitSchedule(committed, now)
        self._log = RetryLog(log, f"{subscription.name}: committing offsets")

    @property
    def committed(self) -> Mapping[int, int]:
        return self._schedule.committed

    async def commit_due(self, now: float) -> None:
        await self._commit(self._schedule.due(self._safe(), now))

    async def commit_rest(self) -> None:
        """Commit all that is finished, due or not."""
        await self._commit(self._schedule.risen(self._safe()))

    async def _commit(self, offsets: dict[int, int]) -> None:
        if not offsets:
            return
        topic = self._subscription.topic
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._client.commit(
                    {TopicPartition(topic, number): (at, AUTHOR) for number, at in offsets.items()}
                )
        except CommitFailedError as error:
            self._note_failure(offsets, error, f"group {self._subscription.group!r} has members that are not ours")
        except TimeoutError as error:
            self._note_failure(offsets, error, f"Kafka has not answered within {COMMIT_SECONDS:g} s")
        except (KafkaError, IllegalStateError) as error:
            self._note_failure(offsets, error, f"{type(error).__name__}: {error}")
        else:
            self._log.worked()
            self._schedule.succeeded(offsets)
            for number in offsets:
                self._partitions[number].counts.errors.pop(COMMIT, None)

    def _note_failure(self, offsets: dict[int, int], error: Exception, reason: str) -> None:
        self._log.failed(error)
        for number in offsets:
            self._partitions[number].counts.errors[COMMIT] = f"not committed: {reason}"

    def _safe(self) -> dict[int, int]:
        return {number: partition.tracker.safe for number, partition in self._partitions.items()}
