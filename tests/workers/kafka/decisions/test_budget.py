"""How much is read."""

from domain.records import Record
from tests.workers.kafka.fakes import new_partitions
from workers.kafka.decisions.budget import OFFSET_BYTES, RECORD_BYTES, Budget, memory_bytes
from workers.kafka.decisions.memory import MIB, Memory, Share

WHOLE = Share(Memory(64 * MIB))


def record(partition: int, value: bytes = b"", headers: tuple[tuple[str, bytes], ...] = ()) -> Record:
    return Record("posts", partition, 0, None, value, -1, headers)


def test_the_partitions_of_a_consumer_share_the_budget() -> None:
    assert Budget.of(WHOLE, 1).records == 4_000
    assert Budget.of(WHOLE, 32).records == 500
    assert Budget.of(WHOLE, 1_000).records == 250
    assert [Budget.of(WHOLE, partitions).bytes // MIB for partitions in (1, 8, 1_000)] == [32, 4, 1]


def test_the_consumers_of_a_process_share_its_memory() -> None:
    memory = Memory(64 * MIB)
    with memory.share() as first:
        assert first.unfinished_bytes == 32 * MIB
        with memory.share() as second:
            assert first.unfinished_bytes == second.unfinished_bytes == 16 * MIB
        assert first.unfinished_bytes == 32 * MIB


def test_all_that_a_share_is_for_fits_into_it_copies_included() -> None:
    assert WHOLE.fetched_bytes + WHOLE.unfinished_bytes + 6 * WHOLE.in_flight_bytes <= 64 * MIB


def test_a_record_counts_with_its_headers_its_parsed_form_and_its_objects() -> None:
    assert memory_bytes(record(0, b"12345", (("name", b"value"),))) == RECORD_BYTES + 2 * 14


def test_a_partition_with_too_many_unfinished_records_is_not_read_until_one_is_finished() -> None:
    partitions = new_partitions(0, 1)
    budget = Budget(records=4, bytes=100_000, total_bytes=1_000_000)
    for offset in range(5):
        partitions[0].tracker.received(offset, 10, 0.0)
    assert budget.room(partitions).partitions == [1]
    partitions[0].tracker.finished(3)
    assert budget.room(partitions).partitions == [0, 1]


def test_partitions_are_read_until_they_or_all_together_have_used_their_bytes() -> None:
    partitions = new_partitions(0, 1, 2)
    size = memory_bytes(record(0))
    room = Budget(records=4, bytes=2 * size, total_bytes=3 * size).room(partitions)
    room.take(record(0))
    assert room.has(0)
    room.take(record(0))
    assert not room.has(0)
    assert room.has(1)
    room.take(record(1))
    assert not room.has(1), "all together have used theirs"


def test_a_consumer_that_has_nothing_unfinished_reads_a_record_larger_than_its_share() -> None:
    partitions = new_partitions(0)
    budget = Budget.of(Share(Memory(1_000)), 1)
    assert budget.room(partitions).has(0)
    partitions[0].tracker.received(0, 1_000_000, 0.0)
    assert budget.room(partitions).partitions == []


def test_finished_records_that_wait_for_an_older_one_count_too() -> None:
    partitions = new_partitions(0)
    for offset in range(10):
        partitions[0].tracker.received(offset, 0, 0.0)
    for offset in range(1, 10):
        partitions[0].tracker.finished(offset)
    assert not Budget(records=4, bytes=10 * OFFSET_BYTES, total_bytes=10**6).room(partitions).partitions
    assert Budget(records=4, bytes=10 * OFFSET_BYTES + 1, total_bytes=10**6).room(partitions).partitions == [0]
    partitions[0].tracker.finished(0)
    assert Budget(records=4, bytes=1, total_bytes=1).room(partitions).partitions == [0]


def test_a_partition_whose_finished_records_wait_too_long_for_the_oldest_is_not_read() -> None:
    partitions = new_partitions(0)
    tracker = partitions[0].tracker
    budget = Budget(records=4, bytes=100_000, total_bytes=100_000, span=6)
    for offset in range(6):
        tracker.received(offset, 10, 0.0)
    for offset in range(1, 6):
        tracker.finished(offset)
    assert budget.room(partitions).has(0)
    tracker.received(6, 10, 0.0)
    tracker.finished(6)
    assert budget.room(partitions).partitions == []
    tracker.finished(0)
    assert budget.room(partitions).has(0)
