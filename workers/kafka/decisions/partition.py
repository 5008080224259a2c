"""What a consumer knows about one of its partitions."""

from dataclasses import dataclass

from workers.kafka.decisions.counts import Counts
from workers.kafka.decisions.offsets import OffsetTracker


@dataclass(frozen=True)
class Partition:
    """The partition's name in batches (see `Batch.source`), its unfinished records, and its counts."""

    source: str
    tracker: OffsetTracker
    counts: Counts
