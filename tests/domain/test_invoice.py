"""The states of an invoice: reminders, escalation, payment."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.payment_tracker import (
    EVENTS_KEPT,
    Invoice,
    InvoiceStatus,
    PaymentEvent,
    PaymentEventData,
    ReminderPlan,
)

NOW = datetime(2024, 10, 10, tzinfo=UTC)
PLAN = ReminderPlan()


def event(event_id: str) -> PaymentEvent:
    return PaymentEvent(type="invoice", created=1, data=PaymentEventData(id=event_id, customer="cus_1"))


class AnInvoice(RuleBasedStateMachine):
    """Events and time in any order, as the workflow applies them."""

    def __init__(self) -> None:
        super().__init__()
        self.invoice = Invoice()
        self.now = NOW
        self.acting = False
        self.tickets = 0
        self.paid = False

    @rule(number=st.integers(1, 6))
    def fails(self, number: int) -> None:
        self.invoice.payment_failed(event(f"evt_{number}"), self.now)

    @rule(number=st.integers(1, 6))
    def succeeds(self, number: int) -> None:
        self.invoice.payment_succeeded(event(f"evt_{number}"))
        self.paid = True

    @rule(hours=st.integers(1, 48))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @precondition(lambda self: not self.acting and self.invoice.is_due(self.now))
    @rule()
    def begins_what_is_due(self) -> None:
        self.invoice.begin_due_action()
        self.acting = True

    @precondition(lambda self: self.acting)
    @rule(mail_is_up=st.booleans())
    def ends_what_it_began(self, mail_is_up: bool) -> None:
        self.acting = False
        if self.invoice.reminders_are_used_up(PLAN):
            self.invoice.escalated()
            self.tickets += 1
        elif mail_is_up:
            self.invoice.reminded(PLAN, self.now)
        else:
            self.invoice.postponed(PLAN, self.now)

    @invariant()
    def never_reminds_more_often_than_planned(self) -> None:
        assert self.invoice.reminders_sent <= PLAN.reminders

    @invariant()
    def escalates_at_most_once(self) -> None:
        assert self.tickets <= 1

    @invariant()
    def paid_is_final_and_nothing_is_due_then(self) -> None:
        assert self.invoice.state().paid == self.paid
        assert not (self.paid and self.invoice.due_at)

    @invariant()
    def an_open_chain_always_has_a_next_action(self) -> None:
        if self.invoice.status is InvoiceStatus.REMINDING and not self.acting:
            assert self.invoice.due_at is not None
            assert self.invoice.due_at <= self.now + PLAN.interval

    @invariant()
    def survives_serialisation(self) -> None:
        assert Invoice.model_validate_json(self.invoice.model_dump_json()) == self.invoice


TestAnInvoice = AnInvoice.TestCase


def test_the_first_failure_is_due_at_once() -> None:
    invoice = Invoice()
    invoice.payment_failed(event("evt_1"), NOW)
    assert invoice.is_due(NOW)


def test_an_event_counts_once_as_a_failure_and_once_as_a_success() -> None:
    invoice = Invoice()
    invoice.payment_failed(event("evt_1"), NOW)
    invoice.begin_due_action()
    invoice.payment_failed(event("evt_1"), NOW)
    assert invoice.due_at is None
    invoice.payment_succeeded(event("evt_1"))
    assert invoice.status is InvoiceStatus.PAID


def test_the_state_has_the_last_failure_and_its_customer() -> None:
    invoice = Invoice()
    assert invoice.state().customer is None
    invoice.payment_failed(event("evt_1"), NOW)
    invoice.payment_failed(event("evt_2"), NOW)
    assert (invoice.state().last_event_id, invoice.state().customer) == ("evt_2", "cus_1")


@given(st.integers(1, 20))
def test_the_oldest_events_are_dropped_when_there_are_too_many(extra: int) -> None:
    invoice = Invoice(seen={f"failed:evt_{n}": None for n in range(EVENTS_KEPT)})
    for number in range(extra):
        invoice.payment_failed(event(f"new_{number}"), NOW)
    assert len(invoice.seen) == EVENTS_KEPT
    assert next(iter(invoice.seen)) == f"failed:evt_{extra}"
