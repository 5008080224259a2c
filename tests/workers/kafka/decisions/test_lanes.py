"""In which order records go out."""

import random
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from workers.kafka.decisions.lanes import Lanes, Limits
from workers.kafka.decisions.memory import Memory, Share


@dataclass(frozen=True)
class Parcel:
    number: int
    partition: int = 0
    size_bytes: int = 10


def lanes(in_flight: int = 10, records: int = 10, batch_bytes: int = 1000) -> Lanes[Parcel]:
    return Lanes(Limits(lanes_in_flight=in_flight, batch_records=records, batch_bytes=batch_bytes))


def numbers(taken: tuple[str, list[Parcel]] | None) -> list[int]:
    assert taken is not None
    return [parcel.number for parcel in taken[1]]


def test_a_key_has_one_batch_in_flight() -> None:
    queue = lanes()
    queue.add("ann", Parcel(1))
    assert numbers(queue.take()) == [1]
    queue.add("ann", Parcel(2))
    assert queue.take() is None
    queue.finished("ann")
    assert numbers(queue.take()) == [2]


def test_what_waits_for_a_key_becomes_one_batch() -> None:
    queue = lanes(records=3)
    for number in range(5):
        queue.add("ann", Parcel(number))
    assert numbers(queue.take()) == [0, 1, 2]
    queue.finished("ann")
    assert numbers(queue.take()) == [3, 4]


def test_a_busy_key_holds_no_other_back() -> None:
    queue = lanes()
    queue.add("ann", Parcel(1))
    queue.take()
    queue.add("ann", Parcel(2))
    queue.add("bob", Parcel(3))
    assert numbers(queue.take()) == [3]


def test_keys_in_flight_are_limited_together() -> None:
    queue = lanes(in_flight=2)
    for number, key in enumerate(("ann", "bob", "cy")):
        queue.add(key, Parcel(number))
    queue.take()
    queue.take()
    assert queue.take() is None
    queue.finished("ann")
    assert numbers(queue.take()) == [2]


def test_a_batch_ends_before_it_grows_too_large_and_at_another_partition() -> None:
    queue = lanes(batch_bytes=25)
    queue.add("ann", Parcel(1))
    queue.add("ann", Parcel(2))
    queue.add("ann", Parcel(3))
    queue.add("ann", Parcel(4, partition=1))
    assert numbers(queue.take()) == [1, 2]
    queue.finished("ann")
    assert numbers(queue.take()) == [3]
    queue.finished("ann")
    assert numbers(queue.take()) == [4]


def test_a_record_larger_than_a_batch_travels_alone() -> None:
    queue = lanes(batch_bytes=25)
    queue.add("ann", Parcel(1, size_bytes=500))
    queue.add("ann", Parcel(2))
    assert numbers(queue.take()) == [1]


def test_clearing_forgets_what_waits_but_not_what_is_in_flight() -> None:
    queue = lanes()
    queue.add("ann", Parcel(1))
    queue.take()
    queue.add("ann", Parcel(2))
    queue.clear()
    assert queue.in_flight == 1
    queue.finished("ann")
    assert queue.take() is None
    queue.add("ann", Parcel(3))
    assert numbers(queue.take()) == [3]


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2), st.integers(1, 400)), max_size=60),
    st.randoms(use_true_random=False),
)
def test_every_record_goes_out_once_and_each_key_in_order(
    arrivals: list[tuple[str, int, int]], chance: random.Random
) -> None:
    queue = lanes(in_flight=2, records=3)
    sent: dict[str, list[int]] = {}
    busy: list[str] = []

    def take_or_finish() -> None:
        if busy and (chance.random() < 0.5 or len(busy) == 2):
            queue.finished(busy.pop(chance.randrange(len(busy))))
        elif taken := queue.take():
            assert taken[0] not in busy
            busy.append(taken[0])
            sent.setdefault(taken[0], []).extend(parcel.number for parcel in taken[1])

    for number, (key, partition, size) in enumerate(arrivals):
        queue.add(key, Parcel(number, partition, size))
        take_or_finish()
    while sum(map(len, sent.values())) < len(arrivals) or busy:
        take_or_finish()
    expected: dict[str, list[int]] = {}
    for number, (key, _, _) in enumerate(arrivals):
        expected.setdefault(key, []).append(number)
    assert sent == expected


def test_lanes_wait_while_the_batches_in_flight_have_all_the_bytes_that_may_be_sent_at_once() -> None:
    share = Share(Memory(16 * 100))  # a sixteenth may be in flight
    queue: Lanes[Parcel] = Lanes(Limits(lanes_in_flight=8, batch_records=10, share=share))
    for key, number, size in (("ann", 1, 500), ("bob", 2, 60), ("bob", 3, 60), ("eve", 4, 40)):
        queue.add(key, Parcel(number, size_bytes=size))
    assert numbers(queue.take()) == [1], "a record that is too large goes alone"
    assert queue.take() is None
    queue.finished("ann")
    assert numbers(queue.take()) == [2], "the second record of the key does not fit"
    assert numbers(queue.take()) == [4]
    assert queue.take() is None
