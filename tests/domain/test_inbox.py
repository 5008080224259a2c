"""An inbox admits each message once, even if it is delivered repeatedly."""

import itertools
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from domain.inbox import RECEIPTS_KEPT, Batch, Inbox, Message, ReceiptStatus
from domain.payload import encoded_bytes
from tests.domain.empty import Empty

NOW = datetime(2024, 10, 10, tzinfo=UTC)
TOPIC = "cluster/topic/epoch-1/0"


def records(*offsets: int, source: str = TOPIC) -> Batch[Empty]:
    """Kafka records at `offsets`."""
    return Batch(source=source, messages=[Message(id=f"{source}/{o}", body=Empty(), offset=o) for o in offsets])


def requests(*ids: str, submission: str = "") -> Batch[Empty]:
    """Messages from HTTP."""
    return Batch(messages=[Message(id=i, body=Empty(), submission=submission) for i in ids])


def admitted(inbox: Inbox, batch: Batch[Empty], handler: str = "handler") -> list[str]:
    return [message.id for message in inbox.admit(handler, batch, NOW)]


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[int], list[list[int]]]:
    """Offsets of one key, and batches that deliver them as a consumer does: in order, and after each crash from an
    earlier offset on, in other batches.
    """
    offsets = sorted(draw(st.sets(st.integers(0, 10_000), min_size=1, max_size=30)))
    batches: list[list[int]] = []
    for start in [*draw(st.lists(st.integers(0, len(offsets) - 1), max_size=5)), 0]:
        cuts = sorted(draw(st.sets(st.integers(start + 1, len(offsets)), max_size=4)) | {len(offsets)})
        reached = draw(st.integers(0, len(cuts)))
        bounds = [start, *cuts[:reached]]
        batches += [offsets[a:b] for a, b in itertools.pairwise(bounds)]
    return offsets, [*batches, offsets]


def contiguous(offsets: list[int], batches: list[list[int]]) -> list[list[int]]:
    """Leave out batches that would skip offsets: a consumer continues at an offset that it committed."""
    known, kept = 0, []
    for batch in batches:
        if batch and offsets.index(batch[0]) <= known:
            kept.append(batch)
            known = max(known, offsets.index(batch[-1]) + 1)
    return kept


class TestRecords:
    @given(deliveries())
    def test_any_redelivery_applies_each_offset_once_in_order(self, case: tuple[list[int], list[list[int]]]) -> None:
        offsets, batches = case
        inbox = Inbox()
        applied = [m.offset for batch in contiguous(offsets, batches) for m in inbox.admit("h", records(*batch), NOW)]
        assert applied == offsets

    def test_the_record_at_offset_0_counts_once_too(self) -> None:
        inbox = Inbox()
        assert len(admitted(inbox, records(0))) == 1
        assert admitted(inbox, records(0)) == []

    def test_a_recreated_topic_is_another_source(self) -> None:
        inbox = Inbox()
        admitted(inbox, records(0, 1, 2))
        assert len(admitted(inbox, records(0, source="cluster/topic/epoch-2/0"))) == 1

    def test_records_leave_no_receipts(self) -> None:
        inbox = Inbox()
        admitted(inbox, records(0, 1))
        inbox.done(f"{TOPIC}/0", Empty(), NOW)
        assert inbox.receipts == {}

    def test_seen_messages_are_remembered_through_serialisation(self) -> None:
        inbox = Inbox()
        admitted(inbox, records(0, 1, 2))
        admitted(inbox, requests("a"))
        again = Inbox.model_validate_json(inbox.model_dump_json())
        assert again == inbox
        assert admitted(again, records(1, 2, 3)) == [f"{TOPIC}/3"]
        assert admitted(again, requests("a", "b")) == ["b"]


class TestRequests:
    def test_a_message_id_counts_once(self) -> None:
        inbox = Inbox()
        assert admitted(inbox, requests("a", "a", "b")) == ["a", "b"]
        assert admitted(inbox, requests("b", "c")) == ["c"]

    def test_a_repeated_call_finds_the_receipt_of_the_first(self) -> None:
        inbox = Inbox()
        admitted(inbox, requests("a", submission="first"))
        admitted(inbox, requests("a", submission="second"))
        assert inbox.receipts["a"].submission == "first"

    def test_a_receipt_is_queued_then_done_with_the_outcome(self) -> None:
        inbox = Inbox()
        admitted(inbox, requests("a"), handler="run")
        assert (inbox.receipts["a"].status, inbox.receipts["a"].handler) == (ReceiptStatus.QUEUED, "run")
        inbox.done("a", Message(id="x", body=Empty()), NOW)
        receipt = inbox.receipts["a"]
        assert (receipt.status, receipt.finished_at) == (ReceiptStatus.DONE, NOW)
        assert isinstance(receipt.outcome, dict)
        assert receipt.outcome["id"] == "x"

    def test_the_oldest_finished_receipts_are_dropped_and_queued_ones_are_kept(self) -> None:
        inbox = Inbox()
        ids = [str(number) for number in range(RECEIPTS_KEPT + 2)]
        admitted(inbox, requests("waiting", *ids))
        for message_id in ids:
            inbox.done(message_id, Empty(), NOW)
        assert list(inbox.receipts) == ["waiting", *ids[2:]]

    def test_a_deserialised_inbox_still_drops_the_oldest_receipts(self) -> None:
        inbox = Inbox()
        ids = [str(number) for number in range(RECEIPTS_KEPT + 2)]
        admitted(inbox, requests(*ids))
        for message_id in ids[:-2]:
            inbox.done(message_id, Empty(), NOW)
        again = Inbox.model_validate_json(inbox.model_dump_json())
        for message_id in ids[-2:]:
            again.done(message_id, Empty(), NOW)
        assert list(again.receipts) == ids[2:]

    def test_carried_receipts_are_limited_by_size_and_later_ones_are_added_to_them(self) -> None:
        inbox = Inbox()
        admitted(inbox, requests("a", "b", "waiting"))
        for message_id in ("a", "b"):
            inbox.done(message_id, Empty(), NOW)
        inbox.forget_beyond(len("b") + encoded_bytes(inbox.receipts["b"]))
        assert list(inbox.receipts) == ["waiting", "b"]
        inbox.done("waiting", Empty(), NOW)
        assert list(inbox.receipts) == ["b", "waiting"]

    def test_a_message_that_is_finished_twice_has_one_receipt(self) -> None:
        inbox = Inbox()
        ids = [str(number) for number in range(RECEIPTS_KEPT)]
        admitted(inbox, requests("twice", *ids))
        for message_id in ("twice", ids[0], "twice", *ids[1:]):
            inbox.done(message_id, Empty(), NOW)
        assert list(inbox.receipts) == ["twice", *ids[1:]]
