"""What an invoice shows on a time axis: what has happened, and what is planned."""

from datetime import UTC, datetime, timedelta

from domain.event_ids import EVENTS_KEPT
from domain.invoice import Invoice, InvoiceStatus, PaymentEvent, PaymentEventData, ReminderPlan
from domain.payload import encoded_bytes
from domain.timeline import ENTRIES_KEPT, Happened

NOW = datetime(2024, 10, 10, tzinfo=UTC)
PLAN = ReminderPlan()
DAY = PLAN.interval


def failure(number: int = 1, customer: str | None = "cus_1") -> PaymentEvent:
    return PaymentEvent(type="invoice", created=number, data=PaymentEventData(id=f"evt_{number}", customer=customer))


def failed(customer: str | None = "cus_1") -> Invoice:
    invoice = Invoice()
    invoice.payment_failed(failure(customer=customer), PLAN, NOW)
    return invoice


def happened(invoice: Invoice) -> list[tuple[Happened, datetime]]:
    return [(entry.what, entry.at) for entry in invoice.tracked(PLAN).timeline]


def planned(invoice: Invoice) -> list[tuple[str, datetime]]:
    return [(each.action, each.at) for each in invoice.tracked(PLAN).planned]


def test_has_each_thing_at_its_time_until_the_end() -> None:
    invoice = failed()
    invoice.begin_due_action()
    invoice.reminded(PLAN, NOW)
    invoice.begin_due_action()
    invoice.reminder_failed(PLAN, NOW + DAY)
    invoice.escalated(NOW + 2 * DAY)
    invoice.close(InvoiceStatus.VOID, NOW + 3 * DAY, "evt_2")
    invoice.close(InvoiceStatus.PAID, NOW + 4 * DAY, "evt_3")

    assert happened(invoice) == [
        (Happened.PAYMENT_FAILED, NOW),
        (Happened.REMINDER_SENT, NOW),
        (Happened.REMINDER_FAILED, NOW + DAY),
        (Happened.ESCALATED, NOW + 2 * DAY),
        (Happened.VOID, NOW + 3 * DAY),
        (Happened.PAID, NOW + 4 * DAY),
    ]


def test_has_nothing_that_changed_nothing() -> None:
    invoice = failed()
    invoice.payment_failed(failure(), PLAN, NOW + DAY)
    invoice.close(InvoiceStatus.PAID, NOW + DAY, "evt_2")
    invoice.close(InvoiceStatus.VOID, NOW + 2 * DAY, "evt_3")
    invoice.payment_failed(failure(4), PLAN, NOW + 3 * DAY)
    invoice.escalated(NOW + 3 * DAY)
    invoice.recorded(InvoiceStatus.PAID, NOW + 3 * DAY)

    assert happened(invoice) == [(Happened.PAYMENT_FAILED, NOW), (Happened.PAID, NOW + DAY)]


def test_plans_the_reminders_that_are_left_and_the_escalation() -> None:
    invoice = failed()
    assert [action for action, _ in planned(invoice)] == [
        "reminder 1 of 3",
        "reminder 2 of 3",
        "reminder 3 of 3",
        "escalation to support",
    ]
    invoice.begin_due_action()
    assert planned(invoice) == []
    invoice.reminded(PLAN, NOW)

    assert planned(invoice) == [
        ("reminder 2 of 3", NOW + DAY),
        ("reminder 3 of 3", NOW + 2 * DAY),
        ("escalation to support", NOW + 3 * DAY),
    ]


def test_plans_only_the_escalation_without_a_customer_and_nothing_after_the_end() -> None:
    invoice = failed(customer=None)
    assert planned(invoice) == [("escalation to support", NOW)]
    invoice.close(InvoiceStatus.PAID, NOW, "evt_2")
    assert planned(invoice) == []


def test_is_bounded_however_often_payments_fail() -> None:
    invoice = Invoice()
    for number in range(EVENTS_KEPT):
        invoice.payment_failed(failure(number), PLAN, NOW + timedelta(seconds=number))

    shown = invoice.tracked(PLAN).timeline
    assert (len(shown), shown[-1].at) == (ENTRIES_KEPT, NOW + timedelta(seconds=EVENTS_KEPT - 1))
    assert sum(map(encoded_bytes, shown)) < 20_000


def test_an_answer_to_an_event_does_not_repeat_it() -> None:
    assert "timeline" not in failed().state(PLAN).model_dump()
