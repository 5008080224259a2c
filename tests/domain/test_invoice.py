"""The states of an invoice: reminders, escalation, payment and other ends."""

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.event_ids import EVENTS_KEPT
from domain.invoice import (
    ENDS,
    Invoice,
    InvoiceStatus,
    PaymentEvent,
    PaymentEventData,
    ReminderPlan,
)

NOW = datetime(2024, 10, 10, tzinfo=UTC)
PLAN = ReminderPlan()
DAY, DISTANCE = PLAN.interval, PLAN.min_interval
MINUTE = timedelta(minutes=1)


def event(
    event_id: str,
    *,
    attempt: int | None = None,
    status: str | None = "open",
    customer: str | None = "cus_1",
    created: int = 1,
) -> PaymentEvent:
    data = PaymentEventData(id=event_id, customer=customer, attempt_count=attempt, status=status)
    return PaymentEvent(type="invoice", created=created, data=data)


def failing(*events: PaymentEvent) -> Invoice:
    """An invoice whose payments have failed a minute apart; what is due then has been done at once."""
    invoice = Invoice()
    for number, each in enumerate(events):
        fails(invoice, each, NOW + number * MINUTE)
    return invoice


def fails(invoice: Invoice, failure: PaymentEvent, at: datetime) -> None:
    invoice.payment_failed(failure, PLAN, at)
    if invoice.is_due(at):
        act(invoice, at)


def act(invoice: Invoice, at: datetime) -> None:
    escalates = invoice.escalates_next(PLAN)
    invoice.begin_due_action()
    if escalates:
        invoice.escalated(at)
    else:
        invoice.reminded(PLAN, at)


class AnInvoice(RuleBasedStateMachine):
    """Events and time in any order, as the workflow applies them."""

    def __init__(self) -> None:
        super().__init__()
        self.invoice = Invoice()
        self.now = NOW
        self.acting: str | None = None
        self.acted_at: list[datetime] = []
        self.tickets = 0
        self.ends: set[InvoiceStatus] = set()

    @rule(
        number=st.integers(1, 6),
        attempt=st.none() | st.integers(0, 6),
        status=st.sampled_from([None, "open", "draft", "paid", "void", "uncollectible"]),
        customer=st.none() | st.just("cus_1"),
        created=st.integers(1, 3),
    )
    def fails(self, number: int, attempt: int | None, status: str | None, customer: str | None, created: int) -> None:
        known = number in {int(each.removeprefix("evt_")) for each in self.invoice.seen}
        failure = event(f"evt_{number}", attempt=attempt, status=status, customer=customer, created=created)
        self.invoice.payment_failed(failure, PLAN, self.now)
        if not known and status in ("paid", "void", "uncollectible"):
            self.ends.add(InvoiceStatus[status.upper()])

    @rule(number=st.integers(1, 6), end=st.sampled_from(ENDS))
    def ends_at_stripe(self, number: int, end: InvoiceStatus) -> None:
        self.invoice.close(end, self.now, f"evt_{number}")
        self.ends.add(end)

    @rule(hours=st.integers(1, 48))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @precondition(lambda self: not self.acting and self.invoice.is_due(self.now))
    @rule()
    def begins_what_is_due(self) -> None:
        self.acting = "escalate" if self.invoice.escalates_next(PLAN) else "remind"
        self.invoice.begin_due_action()

    @precondition(lambda self: self.acting)
    @rule(mail_is_up=st.booleans())
    def ends_what_it_began(self, mail_is_up: bool) -> None:
        action, self.acting = self.acting, None
        if action == "escalate":
            self.invoice.escalated(self.now)
            self.tickets += 1
        elif mail_is_up:
            self.invoice.reminded(PLAN, self.now)
        else:
            self.invoice.reminder_failed(PLAN, self.now)
        self.acted_at.append(self.now)

    @invariant()
    def never_reminds_more_often_than_planned(self) -> None:
        assert self.invoice.reminders_sent + self.invoice.reminders_failed <= PLAN.reminders

    @invariant()
    def never_acts_twice_within_the_shortest_distance(self) -> None:
        assert all(later - earlier >= DISTANCE for earlier, later in itertools.pairwise(self.acted_at))

    @invariant()
    def escalates_at_most_once(self) -> None:
        assert self.tickets <= 1

    @invariant()
    def an_end_is_final_and_nothing_is_due_then(self) -> None:
        assert self.invoice.status.is_closed == bool(self.ends)
        assert not (self.ends and self.invoice.due_at)

    @invariant()
    def the_end_does_not_depend_on_the_order_of_the_events(self) -> None:
        assert not self.ends or self.invoice.status is max(self.ends, key=ENDS.index)

    @invariant()
    def an_open_chain_always_has_a_next_action(self) -> None:
        if self.invoice.status is InvoiceStatus.REMINDING and not self.acting:
            assert self.invoice.due_at is not None
            assert self.invoice.due_at <= self.now + PLAN.interval

    @invariant()
    def gives_a_reason(self) -> None:
        assert self.invoice.state(PLAN).reason

    @invariant()
    def survives_serialisation(self) -> None:
        assert Invoice.model_validate_json(self.invoice.model_dump_json()) == self.invoice


TestAnInvoice = AnInvoice.TestCase


class TestFailure:
    def test_the_first_is_due_at_once(self) -> None:
        invoice = Invoice()
        invoice.payment_failed(event("evt_1"), PLAN, NOW)
        assert invoice.is_due(NOW)

    def test_four_within_minutes_send_one_reminder(self) -> None:
        invoice = failing(*(event(f"evt_{n}", attempt=n) for n in range(1, 5)))
        assert (invoice.reminders_sent, invoice.due_at) == (1, NOW + DISTANCE)

    def test_a_further_one_brings_the_next_action_forward_to_the_shortest_distance(self) -> None:
        invoice = failing(event("evt_1"), event("evt_2"))
        assert invoice.due_at == NOW + DISTANCE

    def test_one_after_the_shortest_distance_makes_the_next_action_due_at_once(self) -> None:
        invoice = failing(event("evt_1"))
        invoice.payment_failed(event("evt_2"), PLAN, NOW + DISTANCE + MINUTE)
        assert invoice.due_at == NOW + DISTANCE + MINUTE

    def test_one_within_the_last_hours_of_the_interval_postpones_nothing(self) -> None:
        invoice = failing(event("evt_1"))
        for number in range(2, 10):
            invoice.payment_failed(event(f"evt_{number}"), PLAN, NOW + number * MINUTE)
        assert invoice.due_at == NOW + DISTANCE

    def test_one_while_a_reminder_is_sent_keeps_the_distance_to_it(self) -> None:
        invoice = Invoice()
        invoice.payment_failed(event("evt_1"), PLAN, NOW)
        invoice.begin_due_action()
        invoice.payment_failed(event("evt_2"), PLAN, NOW)
        invoice.reminded(PLAN, NOW + MINUTE)
        assert invoice.due_at == NOW + MINUTE + DISTANCE

    def test_the_shortest_distance_makes_no_interval_longer(self) -> None:
        plan = ReminderPlan(interval=timedelta(seconds=2))
        invoice = Invoice()
        invoice.payment_failed(event("evt_1"), plan, NOW)
        invoice.begin_due_action()
        invoice.reminded(plan, NOW)
        assert invoice.due_at == NOW + timedelta(seconds=2)
        invoice.payment_failed(event("evt_2"), plan, NOW)
        assert invoice.due_at == NOW + timedelta(seconds=2)

    @pytest.mark.parametrize("status", ["paid", "void", "uncollectible"])
    def test_whose_invoice_is_closed_by_now_sends_nothing_and_closes_it(self, status: str) -> None:
        invoice = failing(event("evt_1", status=status))
        assert (invoice.status, invoice.closed_by) == (InvoiceStatus[status.upper()], "evt_1")
        assert (invoice.reminders_sent, invoice.due_at) == (0, None)

    def test_without_a_customer_is_escalated_at_once(self) -> None:
        invoice = failing(event("evt_1", customer=None))
        assert (invoice.status, invoice.reminders_sent) == (InvoiceStatus.ESCALATED, 0)

    def test_without_a_customer_keeps_the_one_that_is_known(self) -> None:
        invoice = failing(event("evt_1"), event("evt_2", customer=None))
        assert invoice.customer == "cus_1"
        assert not invoice.escalates_next(PLAN)


class TestDuplicate:
    def ignored(self, events: Iterable[PaymentEvent]) -> str | None:
        """Why the last of these events changed nothing, long after the others."""
        *before, last = events
        invoice = failing(*before)
        due = invoice.due_at
        invoice.payment_failed(last, PLAN, NOW + DISTANCE + DAY / 2)
        assert (invoice.due_at == due) is (invoice.last_ignored is not None)
        return invoice.last_ignored

    def test_is_an_event_with_an_id_that_was_counted(self) -> None:
        assert self.ignored([event("evt_1"), event("evt_1")]) == "evt_1: this event ID has been counted"

    def test_is_another_event_about_the_same_attempt(self) -> None:
        because = self.ignored([event("evt_1", attempt=1), event("evt_2", attempt=1)])
        assert because == "evt_2: attempt 1 has been counted, or a later one"

    def test_is_an_event_about_an_earlier_attempt_that_comes_late(self) -> None:
        assert self.ignored([event("evt_2", attempt=2), event("evt_1", attempt=1)])

    def test_is_an_event_without_attempts_that_is_older_than_the_last(self) -> None:
        because = self.ignored([event("evt_2", created=2), event("evt_1", created=1)])
        assert because == "evt_1: it is older than evt_2"

    def test_is_not_the_next_attempt(self) -> None:
        assert self.ignored([event("evt_1", attempt=1), event("evt_2", attempt=2)]) is None

    def test_is_not_the_first_event_with_no_attempt_counted_yet(self) -> None:
        assert self.ignored([event("evt_1"), event("evt_2", attempt=0)]) is None

    def test_is_not_an_event_with_another_id_that_names_no_attempt(self) -> None:
        assert self.ignored([event("evt_1"), event("evt_2")]) is None

    def test_of_the_same_attempt_still_closes_the_invoice_if_it_is_paid_by_now(self) -> None:
        invoice = failing(event("evt_1", attempt=1), event("evt_2", attempt=1, status="paid"))
        assert invoice.status is InvoiceStatus.PAID


class TestEnd:
    @pytest.mark.parametrize("end", ENDS)
    def test_a_later_failure_sends_nothing(self, end: InvoiceStatus) -> None:
        invoice = failing(event("evt_1"))
        invoice.close(end, NOW, "evt_2")
        fails(invoice, event("evt_3", created=2), NOW + 30 * DAY)
        assert (invoice.status, invoice.reminders_sent) == (end, 1)
        assert invoice.last_ignored == f"evt_3: the invoice is {end.lower()}"

    @given(st.permutations(ENDS))
    def test_a_payment_holds_in_whatever_order_the_ends_come(self, ends: list[InvoiceStatus]) -> None:
        invoice = Invoice()
        for end in ends:
            invoice.close(end, NOW, f"evt_{end}")
        assert (invoice.status, invoice.closed_by) == (InvoiceStatus.PAID, "evt_PAID")

    def test_an_end_that_is_not_one_closes_nothing(self) -> None:
        invoice = Invoice()
        for status in InvoiceStatus:
            if status not in ENDS:
                invoice.close(status, NOW)
        assert invoice.status is InvoiceStatus.OPEN

    def test_is_recorded_again_when_a_later_end_replaces_it(self) -> None:
        invoice = Invoice()
        invoice.close(InvoiceStatus.UNCOLLECTIBLE, NOW, "evt_1")
        invoice.recorded(InvoiceStatus.UNCOLLECTIBLE, NOW)
        assert (invoice.has_unrecorded_end(), invoice.forgotten_at(PLAN)) == (False, NOW + PLAN.closed_linger)
        invoice.close(InvoiceStatus.PAID, NOW, "evt_2")
        assert (invoice.has_unrecorded_end(), invoice.forgotten_at(PLAN)) == (True, None)


class TestState:
    def test_has_the_last_failure_and_its_customer(self) -> None:
        assert Invoice().state(PLAN).customer is None
        state = failing(event("evt_1"), event("evt_2")).state(PLAN)
        assert (state.last_event_id, state.customer) == ("evt_2", "cus_1")

    def test_says_why(self) -> None:
        invoice = Invoice()
        assert invoice.state(PLAN).reason == "No payment has failed."
        fails(invoice, event("evt_1"), NOW)
        state = invoice.state(PLAN)
        assert state.reason == (
            "evt_1 says that a payment failed. 1 of 3 reminders sent. Next: reminder 2 of 3 at 2024-10-11 00:00:00 UTC."
        )
        assert (state.next_action, state.next_action_at) == ("reminder 2 of 3", NOW + DAY)
        for number in (1, 2):
            act(invoice, NOW + number * DAY)
        assert invoice.state(PLAN).next_action == "escalation to support"
        act(invoice, NOW + 3 * DAY)
        assert invoice.state(PLAN).reason == (
            "evt_1 says that a payment failed. 3 of 3 reminders sent. Support has a ticket."
        )
        invoice.close(InvoiceStatus.VOID, NOW, "evt_2")
        state = invoice.state(PLAN)
        assert state.reason == "evt_2 says that the invoice is void: nothing more is sent."
        assert (state.closed_by, state.next_action) == ("evt_2", None)

    def test_says_that_the_record_has_closed_it(self) -> None:
        invoice = failing(event("evt_1"))
        invoice.close(InvoiceStatus.PAID, NOW)
        assert invoice.reason(PLAN) == "The billing record says that the invoice is paid: nothing more is sent."


@given(st.integers(1, 20))
def test_the_oldest_events_are_dropped_when_there_are_too_many(extra: int) -> None:
    invoice = Invoice(seen={f"evt_{n}": None for n in range(EVENTS_KEPT)})
    for number in range(extra):
        invoice.payment_failed(event(f"new_{number}"), PLAN, NOW)
    assert len(invoice.seen) == EVENTS_KEPT
    assert next(iter(invoice.seen)) == f"evt_{extra}"
