"""Where to begin in a partition: Temporal knows what is finished, and Kafka keeps the group's offset."""

from dataclasses import dataclass

from domain.checkpoint import Checkpoint

AUTHOR = "durable-patterns"
"""The metadata of every offset that a consumer commits. Who moves a group with another program writes other metadata:
`kafka-consumer-groups --reset-offsets` writes none. Brokers that drop metadata make every offset look like theirs."""


@dataclass(frozen=True)
class Committed:
    """An offset of the group, and the metadata that was committed with it."""

    offset: int
    metadata: str

    @property
    def is_ours(self) -> bool:
        return self.metadata == AUTHOR


def beginning(partition: int, committed: Committed | None, known: Checkpoint | None) -> int | None:
    """Return the offset to begin at; None for the oldest record.

    `known` is the checkpoint, if it is one of the topic's present incarnation. A committed offset of ours beyond it is
    not believed: if Temporal was restored from a backup, the records between the two are not in what was restored.
    """
    offset = known.offsets.get(partition) if known else None
    if committed is None:
        return offset
    if offset is None or known is None or partition in known.outdated or not committed.is_ours:
        return committed.offset
    return min(offset, committed.offset)
