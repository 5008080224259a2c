"""What a dead letter contains, which letters are pending, and that a redriven record counts once."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.dead_letter import (
    DeadLetter,
    Header,
    PendingLetters,
    Redriven,
    first_origin,
    read_redriven,
    without_redrive_headers,
)
from domain.inbox import Batch, Inbox, Message
from tests.domain.empty import Empty

NOW = datetime(2024, 10, 10, tzinfo=UTC)
OURS = "local.posts-UserFeed.processPost"


def letter(offset: int, source_offset: int, subscription: str = OURS, **more: str) -> DeadLetter:
    block = {
        Header.TOPIC: "posts",
        Header.PARTITION: "0",
        Header.OFFSET: str(source_offset),
        Header.SUBSCRIPTION: subscription,
        Header.ATTEMPTS: "1",
        Header.ORIGIN: f"posts-0-{source_offset}@id",
        **more,
    }
    headers = (("own", b"1"), *((name, text.encode(errors="surrogateescape")) for name, text in block.items()))
    return DeadLetter(0, offset, b"ann", b"{", 1_000, headers)


def again(offset: int, source_offset: int, attempts: int) -> DeadLetter:
    """The letter of the record that was first at offset 10, redriven to `source_offset`."""
    return letter(offset, source_offset, **{Header.ORIGIN: "posts-0-10@id", Header.ATTEMPTS: str(attempts)})


def mark(offset: int, of: DeadLetter) -> DeadLetter:
    return DeadLetter(0, offset, of.origin.encode(), None, 2_000, of.mark_headers("2024-10-10"))


def pending(*records: DeadLetter) -> list[int]:
    letters = PendingLetters(OURS)
    for record in records:
        letters.add(record)
    return letters.offsets()


class TestPendingLetters:
    def test_letters_of_other_subscriptions_and_other_records_do_not_count(self) -> None:
        other_record = DeadLetter(0, 2, b"k", b"v", 0, (("__connect.errors.topic", b"posts"),))
        assert pending(letter(0, 10), letter(1, 11, subscription="another"), other_record) == [0]

    def test_the_later_of_two_letters_of_one_record_counts(self) -> None:
        assert pending(letter(0, 10), letter(1, 11), letter(2, 10)) == [1, 2]

    def test_a_marked_letter_is_not_pending(self) -> None:
        assert pending(letter(0, 10), letter(1, 11), mark(2, letter(0, 10))) == [1]

    def test_the_mark_of_another_subscription_does_not_count(self) -> None:
        first = letter(0, 10)
        of_another = ((Header.SUBSCRIPTION, b"another"), *first.mark_headers("2024-10-10")[1:])
        assert pending(first, DeadLetter(0, 1, first.origin.encode(), None, 2_000, of_another)) == [0]

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_a_redriven_record_that_fails_again_is_pending_whatever_the_order_of_letters_and_marks(
        self, order: tuple[int, ...]
    ) -> None:
        records = [letter(0, 10), mark(1, letter(0, 10)), again(2, 57, attempts=2)]
        assert pending(*(records[number] for number in order)) == [2]

    def test_a_record_that_is_read_again_after_its_redrive_is_not_pending(self) -> None:
        assert pending(letter(0, 10), mark(1, letter(0, 10)), letter(2, 10)) == []

    def test_a_crash_before_the_mark_leaves_the_letter_of_the_last_attempt_pending(self) -> None:
        first, second, twice = letter(0, 10), again(1, 57, attempts=2), again(2, 58, attempts=2)
        assert pending(first, second, twice) == [2]
        assert pending(first, second, twice, mark(3, twice)) == []

    def test_a_letter_whose_record_is_a_letter_again_was_redriven(self) -> None:
        letters = PendingLetters(OURS)
        letters.add(letter(0, 10))
        assert not letters.is_redriven(0)
        letters.add(again(1, 57, attempts=2))
        assert (letters.is_redriven(0), letters.is_redriven(1)) == (True, False)

    def test_the_same_coordinates_in_a_recreated_topic_are_another_record(self) -> None:
        before = letter(0, 10, **{Header.ORIGIN: "posts-0-10@another"})
        assert pending(before, mark(1, before), letter(2, 10)) == [2]

    def test_an_origin_does_not_depend_on_a_timestamp(self) -> None:
        stamped = replace(letter(1, 10), timestamp_ms=999)
        assert pending(letter(0, 10), stamped) == [1]

    @pytest.mark.parametrize(
        ("header", "text"),
        [
            (Header.OFFSET, "x"),
            (Header.OFFSET, "-1"),
            (Header.PARTITION, "\udcff"),
            (Header.PARTITION, "9" * 30),
            (Header.ORIGIN, "posts"),
            (Header.ORIGIN, ""),
            (Header.ORIGIN, f"posts-0-10@{'x' * 10_000}"),
            (Header.OFFSET, str(2**63)),
            (Header.ORIGIN, "posts-0-10@ id"),
        ],
    )
    def test_a_letter_with_garbage_in_its_headers_is_skipped_with_the_name_of_the_header(
        self, header: str, text: str
    ) -> None:
        letters = PendingLetters(OURS)
        assert header in (letters.add(letter(0, 10, **{header: text})) or "")
        assert letters.offsets() == []

    @pytest.mark.parametrize("epoch", ["c7b8b8f0-5a3e-4f0e-9a52-0d7b1f3f9a11", "a b", "\udcff", "é" * 500, "1"])
    def test_an_epoch_of_any_characters_gives_an_origin(self, epoch: str) -> None:
        origin = first_origin("posts-0-10", f"local/posts/{epoch}/0")
        assert letter(0, 10, **{Header.ORIGIN: origin}).problem is None

    @pytest.mark.parametrize("attempts", ["x", "", "-3", "0", "9" * 30])
    def test_attempts_that_are_no_number_are_one(self, attempts: str) -> None:
        assert letter(0, 10, **{Header.ATTEMPTS: attempts}).attempts == 1

    @pytest.mark.parametrize("value", [None, b"", b"v"])
    def test_a_record_of_others_is_skipped_with_a_reason(self, value: bytes | None) -> None:
        foreign = DeadLetter(0, 0, None, value, 0, (("stra\udcdfe", None), ("", b"\xff")))
        assert "names no subscription" in (PendingLetters(OURS).add(foreign) or "")


class TestRedriven:
    def test_a_redriven_record_has_its_own_headers_and_its_origin(self) -> None:
        headers = letter(5, 10, **{Header.TIMESTAMP: "1000"}).redrive_headers()
        assert headers[0] == ("own", b"1")
        assert {name for name, _ in headers[1:]} == {
            Header.SUBSCRIPTION,
            Header.REDRIVEN_FROM,
            Header.ATTEMPTS,
            Header.TIMESTAMP,
        }
        redriven = read_redriven("posts", headers)
        assert redriven is not None
        assert redriven == Redriven(OURS, "posts-0-10@id", attempts=1, timestamp_ms=1_000)
        assert without_redrive_headers(headers) == [("own", b"1")]

    def test_headers_of_an_earlier_dead_letter_topic_are_the_records_own(self) -> None:
        of_another = ((Header.TOPIC, b"raw"), (Header.OFFSET, b"3"))
        both = DeadLetter(0, 5, b"ann", b"{", 1_000, (*of_another, *letter(5, 10).headers))
        assert both.origin == "posts-0-10@id"
        assert both.redrive_headers()[:3] == [*of_another, ("own", b"1")]

    @pytest.mark.parametrize("origin", [b"other-0-10@1000", b"posts-0-10", b"posts", b"", b"\xff"])
    def test_an_origin_in_another_topic_is_ignored(self, origin: bytes) -> None:
        headers = [(Header.SUBSCRIPTION, OURS.encode()), (Header.REDRIVEN_FROM, origin)]
        assert read_redriven("posts", headers) is None


class TestInbox:
    def test_a_record_that_was_redriven_twice_counts_once(self) -> None:
        inbox = Inbox()
        assert self._admitted(inbox, 57) == ["posts-0-10@id"]
        assert self._admitted(inbox, 58) == []
        assert inbox.receipts["posts-0-10@id"].submission == "posts-0-57"

    def test_a_redriven_record_moves_the_watermark(self) -> None:
        inbox = Inbox()
        self._admitted(inbox, 57)
        assert inbox.watermarks == {"local/posts/e/0": 57}

    def _admitted(self, inbox: Inbox, offset: int) -> list[str]:
        message = Message[Empty](id="posts-0-10@id", body=Empty(), submission=f"posts-0-{offset}", offset=offset)
        batch = Batch[Empty](source="local/posts/e/0", messages=[message])
        return [admitted.id for admitted in inbox.admit("processPost", batch, NOW)]


def test_fields_without_a_value_are_not_sent() -> None:
    message = Message[Empty](id="posts-0-10", body=Empty(), offset=10)
    assert message.model_dump_json(by_alias=True) == '{"id":"posts-0-10","body":{},"offset":10}'
