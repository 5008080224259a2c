"""What a consumer reports about itself."""

from collections.abc import Mapping

from domain.checkpoint import Checkpoint
from domain.subscription import ConsumerSnapshot, PartitionProgress, Stall
from workers.kafka.decisions.partition import Partition

MAX_PARTITIONS_REPORTED = 100


def consumer_progress(
    partitions: Mapping[int, Partition],
    committed: Mapping[int, int],
    ends: Mapping[int, int],
    *,
    in_flight: int,
    now: float,
    stall: Stall | None = None,
    incarnation: str | None = None,
) -> ConsumerSnapshot:
    """`committed` are the group's offsets and `ends` the ends of the logs, by partition, where they are known.

    `incarnation` is the topic's, if it is known.
    """
    progress = [
        _partition_progress(number, partition, committed.get(number, 0), ends.get(number), now)
        for number, partition in sorted(partitions.items())
    ]
    counts = [partition.counts for partition in partitions.values()]
    finished = {number: partition.tracker.safe for number, partition in partitions.items()}
    return ConsumerSnapshot(
        partitions=progress[:MAX_PARTITIONS_REPORTED],
        in_flight=in_flight,
        rate=round(sum(partition.rate for partition in progress), 1),
        oldest_in_flight_seconds=max((partition.oldest_in_flight_seconds for partition in progress), default=0.0),
        lag=sum(partition.lag for partition in progress),
        stalled_keys=sum(len(each.failing) for each in counts),
        received=sum(each.received for each in counts),
        delivered=sum(each.delivered for each in counts),
        dead_lettered=sum(each.dead_lettered for each in counts),
        last_error=next((each.last_error for each in counts if each.last_error), None),
        stall=stall,
        checkpoint=Checkpoint(incarnation=incarnation, offsets=finished) if incarnation and finished else None,
    )


def _partition_progress(
    number: int, partition: Partition, committed: int, end: int | None, now: float
) -> PartitionProgress:
    tracker, counts = partition.tracker, partition.counts
    end = tracker.position if end is None else end
    return PartitionProgress(
        partition=number,
        committed=committed,
        acknowledged=tracker.safe,
        position=tracker.position,
        end=end,
        lag=max(0, end - committed),
        rate=round(counts.rate.sampled(counts.delivered, now), 1),
        dead_lettered=counts.dead_lettered,
        oldest_in_flight_seconds=round(now - (tracker.waiting_since or now), 1),
        last_error=counts.last_error,
    )
