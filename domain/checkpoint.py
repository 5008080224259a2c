"""Where a subscription's consumers continue, as Temporal knows it. Kafka has a copy: the group's offsets."""

from domain.payload import Payload


class Checkpoint(Payload):
    """For each partition the offset before which every record is finished.

    A consumer begins there, or at the group's offset if that is lower. It is not lower than a checkpoint that is up to
    date, unless someone set it: it can be far higher if Temporal was restored from a backup and Kafka was not. Kafka
    also forgets the offsets of a group that does not commit for `offsets.retention.minutes`.
    """

    incarnation: str
    """The topic's. Offsets of one that was recreated have no meaning."""
    offsets: dict[int, int]
    outdated: frozenset[int] = frozenset()
    """Partitions of which more may be finished than this says: the group's offset comes first, if there is one."""

    def of(self, member: int, consumers: int) -> "Checkpoint":
        """The share of one consumer."""
        mine = {number for number in self.offsets if number % consumers == member}
        offsets = {number: self.offsets[number] for number in mine}
        return self.model_copy(update={"offsets": offsets, "outdated": self.outdated & mine})

    def without_news_of(self, member: int, consumers: int) -> "Checkpoint":
        """What it is once a consumer has ended without a word of how far it came."""
        return self.model_copy(update={"outdated": self.outdated | self.of(member, consumers).offsets.keys()})


def advanced(known: Checkpoint | None, newer: Checkpoint | None) -> Checkpoint | None:
    """Return `known` with the offsets of `newer`, which are perhaps those of other partitions."""
    if known is None or newer is None or newer.incarnation != known.incarnation:
        return newer or known
    outdated = (known.outdated - newer.offsets.keys()) | newer.outdated
    return Checkpoint(
        incarnation=newer.incarnation, offsets=known.offsets | newer.offsets, outdated=frozenset(outdated)
    )
