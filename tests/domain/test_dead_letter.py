"""What a dead letter contains, which letters are pending, and that a redriven record counts once."""

from datetime import UTC, datetime

import pytest

from domain.dead_letter import DeadLetter, Header, PendingLetters, read_redriven, without_redrive_headers
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
        **more,
    }
    headers = (("own", b"1"), *((name, text.encode()) for name, text in block.items()))
    return DeadLetter(0, offset, b"ann", b"{", 1_000, headers)


def mark(offset: int, origin: str, subscription: str = OURS) -> DeadLetter:
    headers = ((Header.SUBSCRIPTION, subscription.encode()), (Header.REDRIVEN, b"2024-10-10"))
    return DeadLetter(0, offset, origin.encode(), None, 2_000, headers)


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
        assert pending(letter(0, 10), letter(1, 11), mark(2, "posts-0-10@1000")) == [1]

    def test_the_mark_of_another_subscription_does_not_count(self) -> None:
        assert pending(letter(0, 10), mark(1, "posts-0-10@1000", subscription="another")) == [0]

    def test_a_redriven_record_that_fails_again_is_pending_again(self) -> None:
        again = letter(2, 57, **{Header.REDRIVEN_FROM: "posts-0-10@1000", Header.ATTEMPTS: "2"})
        assert pending(letter(0, 10), mark(1, "posts-0-10@1000"), again) == [2]

    def test_the_same_coordinates_in_a_recreated_topic_are_another_record(self) -> None:
        before = DeadLetter(0, 0, b"ann", b"{", 500, letter(0, 10).headers)
        assert pending(before, mark(1, before.origin), letter(2, 10)) == [2]


class TestRedriven:
    def test_a_redriven_record_has_its_own_headers_and_its_origin(self) -> None:
        headers = letter(5, 10).redrive_headers()
        assert headers[0] == ("own", b"1")
        assert {name for name, _ in headers[1:]} == {
            Header.SUBSCRIPTION,
            Header.REDRIVEN_FROM,
            Header.ATTEMPTS,
        }
        redriven = read_redriven("posts", headers)
        assert redriven is not None
        assert (redriven.subscription, redriven.origin, redriven.attempts) == (OURS, "posts-0-10@1000", 1)
        assert without_redrive_headers(headers) == [("own", b"1")]

    def test_headers_of_an_earlier_dead_letter_topic_are_the_records_own(self) -> None:
        of_another = ((Header.TOPIC, b"raw"), (Header.OFFSET, b"3"))
        both = DeadLetter(0, 5, b"ann", b"{", 1_000, (*of_another, *letter(5, 10).headers))
        assert both.origin == "posts-0-10@1000"
        assert both.redrive_headers()[:3] == [*of_another, ("own", b"1")]

    @pytest.mark.parametrize("origin", [b"other-0-10@1000", b"posts-0-10", b"posts", b"", b"\xff"])
    def test_an_origin_in_another_topic_is_ignored(self, origin: bytes) -> None:
        headers = [(Header.SUBSCRIPTION, OURS.encode()), (Header.REDRIVEN_FROM, origin)]
        assert read_redriven("posts", headers) is None


class TestInbox:
    def test_a_record_that_was_redriven_twice_counts_once(self) -> None:
        inbox = Inbox()
        assert self._admitted(inbox, 57) == ["posts-0-10@1000"]
        assert self._admitted(inbox, 58) == []
        assert inbox.receipts["posts-0-10@1000"].submission == "posts-0-57"

    def test_a_redriven_record_moves_the_watermark(self) -> None:
        inbox = Inbox()
        self._admitted(inbox, 57)
        assert inbox.watermarks == {"local/posts/e/0": 57}

    def _admitted(self, inbox: Inbox, offset: int) -> list[str]:
        message = Message[Empty](id="posts-0-10@1000", body=Empty(), submission=f"posts-0-{offset}", offset=offset)
        batch = Batch[Empty](source="local/posts/e/0", messages=[message])
        return [admitted.id for admitted in inbox.admit("processPost", batch, NOW)]


def test_fields_without_a_value_are_not_sent() -> None:
    message = Message[Empty](id="posts-0-10", body=Empty(), offset=10)
    assert message.model_dump_json(by_alias=True) == '{"id":"posts-0-10","body":{},"offset":10}'
