"""What a dead letter says, which letters wait, and that a record that comes again counts once."""

from datetime import UTC, datetime

import pytest

from domain import dead_letter
from domain.dead_letter import DeadLetter, Ledger, read_return
from domain.inbox import Batch, Inbox, Message
from tests.domain.empty import Empty

NOW = datetime(2024, 10, 10, tzinfo=UTC)
OURS = "local.posts-UserFeed.processPost"


def letter(offset: int, source_offset: int, subscription: str = OURS, **more: str) -> DeadLetter:
    block = {
        dead_letter.TOPIC: "posts",
        dead_letter.PARTITION: "0",
        dead_letter.OFFSET: str(source_offset),
        dead_letter.SUBSCRIPTION: subscription,
        dead_letter.ATTEMPTS: "1",
        **more,
    }
    headers = (("own", b"1"), *((name, text.encode()) for name, text in block.items()))
    return DeadLetter(0, offset, b"ann", b"{", 1_000, headers)


def mark(offset: int, origin: str, subscription: str = OURS) -> DeadLetter:
    headers = ((dead_letter.SUBSCRIPTION, subscription.encode()), (dead_letter.REDRIVEN, b"2024-10-10"))
    return DeadLetter(0, offset, origin.encode(), None, 2_000, headers)


def waiting(*records: DeadLetter) -> list[int]:
    ledger = Ledger(OURS)
    for record in records:
        ledger.add(record)
    return ledger.waiting()


class TestLedger:
    def test_letters_of_other_subscriptions_and_strangers_do_not_count(self) -> None:
        stranger = DeadLetter(0, 2, b"k", b"v", 0, (("__connect.errors.topic", b"posts"),))
        assert waiting(letter(0, 10), letter(1, 11, subscription="another"), stranger) == [0]

    def test_of_a_letter_that_was_written_twice_the_later_counts(self) -> None:
        assert waiting(letter(0, 10), letter(1, 11), letter(2, 10)) == [1, 2]

    def test_a_marked_letter_does_not_wait(self) -> None:
        assert waiting(letter(0, 10), letter(1, 11), mark(2, "posts-0-10@1000")) == [1]

    def test_the_mark_of_another_subscription_does_not_count(self) -> None:
        assert waiting(letter(0, 10), mark(1, "posts-0-10@1000", subscription="another")) == [0]

    def test_a_record_that_fails_again_waits_again(self) -> None:
        again = letter(2, 57, **{dead_letter.REDRIVEN_FROM: "posts-0-10@1000", dead_letter.ATTEMPTS: "2"})
        assert waiting(letter(0, 10), mark(1, "posts-0-10@1000"), again) == [2]

    def test_the_same_place_in_a_topic_made_anew_is_another_record(self) -> None:
        before = DeadLetter(0, 0, b"ann", b"{", 500, letter(0, 10).headers)
        assert waiting(before, mark(1, before.origin), letter(2, 10)) == [2]


class TestReturn:
    def test_a_record_goes_back_with_its_own_headers_and_says_where_it_was_first(self) -> None:
        headers = letter(5, 10).returned_headers()
        assert headers[0] == ("own", b"1")
        assert {name for name, _ in headers[1:]} == {
            dead_letter.SUBSCRIPTION,
            dead_letter.REDRIVEN_FROM,
            dead_letter.ATTEMPTS,
        }
        returned = read_return("posts", headers)
        assert returned is not None
        assert (returned.subscription, returned.origin, returned.attempts) == (OURS, "posts-0-10@1000", 1)
        assert dead_letter.without_return(headers) == [("own", b"1")]

    def test_headers_of_an_earlier_dead_letter_topic_are_the_records_own(self) -> None:
        of_another = ((dead_letter.TOPIC, b"raw"), (dead_letter.OFFSET, b"3"))
        both = DeadLetter(0, 5, b"ann", b"{", 1_000, (*of_another, *letter(5, 10).headers))
        assert both.origin == "posts-0-10@1000"
        assert both.returned_headers()[:3] == [*of_another, ("own", b"1")]

    @pytest.mark.parametrize("origin", [b"other-0-10@1000", b"posts-0-10", b"posts", b"", b"\xff"])
    def test_what_another_topics_record_was_is_not_believed(self, origin: bytes) -> None:
        headers = [(dead_letter.SUBSCRIPTION, OURS.encode()), (dead_letter.REDRIVEN_FROM, origin)]
        assert read_return("posts", headers) is None


class TestInbox:
    def test_a_record_that_was_sent_back_twice_counts_once(self) -> None:
        inbox = Inbox()
        assert self._admitted(inbox, 57) == ["posts-0-10@1000"]
        assert self._admitted(inbox, 58) == []
        assert inbox.receipts["posts-0-10@1000"].submission == "posts-0-57"

    def test_a_record_that_was_sent_back_moves_the_watermark(self) -> None:
        inbox = Inbox()
        self._admitted(inbox, 57)
        assert inbox.watermarks == {"local/posts/e/0": 57}

    def _admitted(self, inbox: Inbox, offset: int) -> list[str]:
        message = Message[Empty](id="posts-0-10@1000", body=Empty(), submission=f"posts-0-{offset}", offset=offset)
        batch = Batch[Empty](source="local/posts/e/0", messages=[message])
        return [admitted.id for admitted in inbox.admit("processPost", batch, NOW)]


def test_a_message_does_not_send_what_it_does_not_have() -> None:
    message = Message[Empty](id="posts-0-10", body=Empty(), offset=10)
    assert message.model_dump_json(by_alias=True) == '{"id":"posts-0-10","body":{},"offset":10}'
