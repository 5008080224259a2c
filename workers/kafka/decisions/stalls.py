"""Why a consumer's records do not move, and since when.

A call that fails and is repeated is not yet a stall: it counts once nothing has moved for `GRACE_SECONDS`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from domain.subscription import Stall
from workers.kafka.decisions.counts import COMMIT
from workers.kafka.decisions.partition import Partition
from workers.kafka.decisions.standstill import Standstill

GRACE_SECONDS = 5.0


@dataclass
class Signs:
    """What a consumer shows of itself."""

    began_at: float | None = None
    """When it had its positions and began to read."""
    polled_at: float | None = None
    """When it last began to look for records."""
    reading: Sequence[int] = ()
    """The partitions that it asks for records."""
    incarnation: str | None = None
    """The topic's."""
    committed: Mapping[int, int] = field(default_factory=dict)
    """The group's offsets."""


@dataclass(frozen=True)
class _Cause:
    since: float
    reason: str


class StallMonitor:
    """Remembers what moved when, for one consumer."""

    def __init__(self, cluster: str, before: Stall | None, now: float) -> None:
        """`before` is the stall of the consumer before this one: it lasts until this one has moved for a while."""
        self._cluster = cluster
        self._before = before
        self._started = now
        self._fetched, self._finished, self._committed = Standstill(), Standstill(), Standstill()

    def stall(
        self,
        signs: Signs,
        partitions: Mapping[int, Partition],
        fetches: Mapping[int, object],
        trouble: str | None,
        now: float,
    ) -> Stall | None:
        """Return the stall, if there is one.

        `fetches` are when each partition that is read was last fetched. `trouble` is what was wrong when Kafka was
        last asked about the topic.
        """
        causes = (
            *self._unfetched(fetches, trouble, now),
            *self._unfinished(partitions, now),
            *self._uncommitted(partitions, signs.committed, now),
            *self._silences(signs, trouble),
        )
        lasting = [cause for cause in causes if now - cause.since > GRACE_SECONDS]
        if lasting:
            # The first one explains the others: what Kafka does not serve cannot be committed either.
            since = datetime.now(UTC) - timedelta(seconds=now - min(cause.since for cause in lasting))
            return Stall(reason=lasting[0].reason, since=min(since, self._before.since) if self._before else since)
        if signs.began_at is not None and now - signs.began_at > GRACE_SECONDS:
            self._before = None
        return self._before

    def _silences(self, signs: Signs, trouble: str | None) -> Iterator[_Cause]:
        if signs.polled_at is None:
            yield _Cause(self._started, trouble or f"Kafka cluster {self._cluster!r} has not answered yet.")
        else:
            yield _Cause(signs.polled_at, trouble or f"A call to Kafka cluster {self._cluster!r} does not return.")

    def _unfetched(self, fetches: Mapping[int, object], trouble: str | None, now: float) -> Iterator[_Cause]:
        since = self._fetched.since(fetches, now)
        if not since:
            return
        oldest = min(since.values())
        silent = sorted(number for number, at in since.items() if now - at > GRACE_SECONDS)
        reason = f"Kafka cluster {self._cluster!r} does not serve partitions {silent}."
        yield _Cause(oldest, f"{reason} {trouble}" if trouble else reason)

    def _unfinished(self, partitions: Mapping[int, Partition], now: float) -> Iterator[_Cause]:
        waiting = {number: each.tracker.safe for number, each in partitions.items() if each.tracker.pending}
        for number, since in self._finished.since(waiting, now).items():
            errors = partitions[number].counts.failing
            failing = next((f"{what}: {error}" for what, error in errors.items()), "")
            at = f"Partition {number} waits at offset {waiting[number]}"
            yield _Cause(since, f"{at}: {failing or 'its record is sent, and the answer has not come yet.'}")

    def _uncommitted(
        self, partitions: Mapping[int, Partition], committed: Mapping[int, int], now: float
    ) -> Iterator[_Cause]:
        due = {
            number: committed.get(number)
            for number, each in partitions.items()
            if each.tracker.safe > committed.get(number, -1)
        }
        for number, since in self._committed.since(due, now).items():
            error = partitions[number].counts.errors.get(COMMIT, "the commit has not been answered yet.")
            yield _Cause(since, f"Partition {number}: {error}")
