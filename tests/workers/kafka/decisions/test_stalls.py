"""Why records do not move, and since when."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from domain.subscription import Stall
from tests.workers.kafka.fakes import new_partitions
from workers.kafka.decisions.counts import COMMIT, EXPIRED
from workers.kafka.decisions.partition import Partition
from workers.kafka.decisions.stalls import GRACE_SECONDS, Signs, StallMonitor

LATE = 100 + GRACE_SECONDS + 1
BEFORE = Stall(reason="no broker", since=datetime(2026, 11, 26, tzinfo=UTC))


class World:
    """A consumer that started at 100 and reads partition 0."""

    def __init__(self, before: Stall | None = None) -> None:
        self.monitor = StallMonitor("local", before, now=100)
        self.signs = Signs(began_at=100, polled_at=100, reading=[0], committed={0: 0})
        self.partitions: Mapping[int, Partition] = new_partitions(0)
        self.fetched = 0
        self.trouble: str | None = None

    def at(self, now: float, *, polled: bool = True, fetched: bool = True) -> Stall | None:
        if polled:
            self.signs.polled_at = now
        self.fetched += fetched
        return self.monitor.stall(self.signs, self.partitions, {0: self.fetched}, self.trouble, now)


def ago(stall: Stall | None) -> float:
    assert stall
    return round((datetime.now(UTC) - stall.since) / timedelta(seconds=1))


def test_an_idle_consumer_has_not_stalled() -> None:
    world = World()
    assert [world.at(now) for now in (100, LATE, 500)] == [None, None, None]


def test_kafka_that_sends_no_answer_is_a_stall_until_it_does() -> None:
    world = World()
    world.at(100)
    assert world.at(100 + GRACE_SECONDS, fetched=False) is None
    world.trouble = "Connection refused."
    stall = world.at(LATE, fetched=False)
    assert stall
    assert stall.reason == "Kafka cluster 'local' does not serve partitions [0]. Connection refused."
    assert ago(stall) == LATE - 100
    assert world.at(LATE + 1) is None


def test_a_consumer_that_does_not_begin_says_what_it_waits_for() -> None:
    world = World()
    world.signs, world.partitions = Signs(), {}
    assert world.at(100, polled=False) is None
    stall = world.at(LATE, polled=False)
    assert stall
    assert stall.reason == "Kafka cluster 'local' has not answered yet."


def test_a_call_that_does_not_return_is_a_stall() -> None:
    world = World()
    world.at(100)
    stall = world.at(LATE, polled=False)
    assert stall
    assert stall.reason == "A call to Kafka cluster 'local' does not return."


def test_a_key_whose_record_is_repeated_is_a_stall_with_the_error() -> None:
    world = World()
    world.partitions[0].tracker.received(0, 1, now=100)
    world.partitions[0].counts.errors["ann"] = "KeyBusy: 1000 messages wait"
    assert world.at(100) is None
    stall = world.at(LATE)
    assert stall
    assert stall.reason == "Partition 0 waits at offset 0: ann: KeyBusy: 1000 messages wait"
    world.partitions[0].tracker.finished(0)
    world.signs.committed = {0: 1}
    assert world.at(LATE + 1) is None


def test_a_call_without_an_answer_is_a_stall_too() -> None:
    world = World()
    world.partitions[0].tracker.received(0, 1, now=100)
    world.at(100)
    stall = world.at(LATE)
    assert stall
    assert "the answer has not come yet" in stall.reason


def test_a_backlog_that_moves_is_no_stall() -> None:
    world = World()
    for offset in range(20):
        world.partitions[0].tracker.received(offset, 1, now=100)
    for second in range(20):
        world.partitions[0].tracker.finished(second)
        world.signs.committed = {0: second + 1}
        assert world.at(100 + second) is None


def test_offsets_that_are_not_committed_are_a_stall() -> None:
    world = World()
    world.partitions[0].tracker.skip_to(5)
    world.partitions[0].counts.errors[COMMIT] = "not committed: members that are not ours"
    world.at(100)
    stall = world.at(LATE)
    assert stall
    assert stall.reason == "Partition 0: not committed: members that are not ours"


def test_a_partition_that_is_not_served_explains_that_its_offsets_are_not_committed() -> None:
    world = World()
    world.partitions[0].tracker.skip_to(5)
    world.at(99)
    world.at(100)
    stall = world.at(LATE, fetched=False)
    assert stall
    assert stall.reason == "Kafka cluster 'local' does not serve partitions [0]."
    assert ago(stall) == LATE - 99


def test_records_that_expired_are_no_stall() -> None:
    world = World()
    world.partitions[0].counts.errors[EXPIRED] = "2 to 5 of partition 0 expired"
    world.at(100)
    assert world.at(LATE) is None


def test_the_stall_of_the_consumer_before_lasts_until_this_one_has_moved_for_a_while() -> None:
    world = World(BEFORE)
    world.signs.began_at = None
    assert world.at(100) == BEFORE
    world.signs.began_at = 102
    assert world.at(103) == BEFORE
    assert world.at(102 + GRACE_SECONDS + 1) is None


def test_another_reason_keeps_the_since_of_the_consumer_before() -> None:
    world = World(BEFORE)
    world.signs, world.partitions = Signs(), {}
    world.trouble = "Connection refused."
    assert world.at(LATE, polled=False) == Stall(reason="Connection refused.", since=BEFORE.since)
