"""A month of reminders in a second, with mail and billing that can fail and hang, and record every call."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from activities.payment_tracker import PaymentTrackerActivities
from domain.inbox import ReceiptStatus
from domain.payment_tracker import (
    PAYMENT_TRACKER,
    InvoiceState,
    InvoiceStatus,
    MailRejected,
    PaymentEvent,
    PaymentEventData,
)
from tests.eventually import eventually
from tests.histories import activities, events
from tests.workflows.conftest import EVENTS_BEFORE_CONTINUE_AS_NEW
from tests.workflows.entity_key import EntityKey, serving
from tests.workflows.fakes import FakeBilling, FakeMail
from workflows.payment_tracker import PaymentTracker

DAY = timedelta(days=1)
A_MOMENT = timedelta(minutes=1)


@dataclass
class Tracked:
    """An invoice, its tracker, and the systems around it."""

    key: EntityKey
    billing: FakeBilling
    mail: FakeMail
    environment: WorkflowEnvironment

    async def fails(self, event_id: str) -> str:
        return await self._send("onPaymentFailure", event_id)

    async def succeeds(self, event_id: str) -> str:
        return await self._send("onPaymentSuccess", event_id)

    async def passes(self, time: timedelta) -> None:
        await self.environment.sleep(time)

    async def state(self) -> InvoiceState:
        return await self.key.handle.query(PaymentTracker.state)

    async def has_status(self, status: InvoiceStatus) -> None:
        async def reached() -> bool:
            return (await self.state()).status is status

        await eventually(reached)

    async def has_settled(self) -> None:
        await eventually(lambda: self.key.name in self.billing.settled)

    async def has_completed(self) -> None:
        async def completed() -> bool:
            return (await self.key.handle.describe()).status is WorkflowExecutionStatus.COMPLETED

        await eventually(completed)

    async def _send(self, handler: str, event_id: str) -> str:
        data = PaymentEventData(id=event_id, customer="cus_1")
        [message_id] = await self.key.send(handler, PaymentEvent(type="invoice", created=1, data=data))
        return message_id


@pytest.fixture
async def tracked(time_skipping: WorkflowEnvironment) -> AsyncIterator[Tracked]:
    async with tracking(time_skipping) as tracked:
        yield tracked


@asynccontextmanager
async def tracking(environment: WorkflowEnvironment) -> AsyncIterator[Tracked]:
    billing, mail = FakeBilling(environment.get_current_time), FakeMail(environment.get_current_time)
    activities = PaymentTrackerActivities(billing, mail)
    async with serving(environment.client, PAYMENT_TRACKER, PaymentTracker, activities) as key:
        yield Tracked(key, billing, mail, environment)
        billing.gate.open()
        mail.gate.open()


def intervals(times: list[datetime]) -> list[timedelta]:
    """The intervals between the times, to the nearest minute."""
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    return [timedelta(minutes=round(gap / timedelta(minutes=1))) for gap in gaps]


class TestReminders:
    async def test_the_first_failure_sends_a_reminder_at_once(self, tracked: Tracked) -> None:
        now = await tracked.environment.get_current_time()
        await tracked.fails("evt_1")
        await eventually(lambda: tracked.mail.sent)
        [(reminder, sent_at)] = tracked.mail.sent
        assert (reminder.invoice, reminder.number) == (tracked.key.name, 1)
        assert (reminder.customer, reminder.event_id) == ("cus_1", "evt_1")
        assert sent_at - now < A_MOMENT

    async def test_three_reminders_and_the_escalation_are_a_day_apart(self, tracked: Tracked) -> None:
        await tracked.fails("evt_1")
        await tracked.passes(10 * DAY)
        await eventually(lambda: tracked.billing.tickets)
        assert tracked.mail.numbers() == [1, 2, 3]
        [(ticket, escalated_at)] = tracked.billing.tickets
        assert (ticket.invoice, ticket.customer, ticket.event_id) == (tracked.key.name, "cus_1", "evt_1")
        assert intervals([*(sent_at for _, sent_at in tracked.mail.sent), escalated_at]) == [DAY, DAY, DAY]
        await tracked.has_status(InvoiceStatus.ESCALATED)

    async def test_a_further_failure_brings_the_next_reminder_forward_and_starts_no_second_chain(
        self, tracked: Tracked
    ) -> None:
        await tracked.fails("evt_1")
        await eventually(lambda: tracked.mail.numbers() == [1])
        await tracked.passes(DAY / 4)
        await tracked.fails("evt_2")
        await eventually(lambda: tracked.mail.numbers() == [1, 2])
        assert tracked.mail.sent[-1][0].event_id == "evt_2"
        await tracked.passes(10 * DAY)
        assert tracked.mail.numbers() == [1, 2, 3]
        [(_, escalated_at)] = tracked.billing.tickets
        assert intervals([*(at for _, at in tracked.mail.sent), escalated_at]) == [DAY / 4, DAY, DAY]

    async def test_a_failure_after_the_third_reminder_brings_the_escalation_forward(self, tracked: Tracked) -> None:
        for event_id in ("evt_1", "evt_2", "evt_3"):
            await tracked.key.answered(await tracked.fails(event_id))
        assert tracked.mail.numbers() == [1, 2, 3]
        await tracked.key.answered(await tracked.fails("evt_4"))
        assert len(tracked.billing.tickets) == 1
        await tracked.key.answered(await tracked.fails("evt_5"))
        assert (tracked.mail.numbers(), len(tracked.billing.tickets)) == ([1, 2, 3], 1)

    async def test_an_event_counts_once_however_often_it_is_sent(self, tracked: Tracked) -> None:
        for _ in range(3):
            await tracked.key.answered(await tracked.fails("evt_1"))
        assert tracked.mail.numbers() == [1]

    async def test_a_failure_while_a_reminder_is_being_sent_brings_the_next_forward(self, tracked: Tracked) -> None:
        tracked.mail.gate.close()
        await tracked.fails("evt_1")
        await tracked.mail.gate.reached()
        second = await tracked.fails("evt_2")
        tracked.mail.gate.open()
        await tracked.key.answered(second)
        assert [(r.number, r.event_id) for r, _ in tracked.mail.sent] == [(1, "evt_1"), (2, "evt_2")]


class TestPayment:
    async def test_the_same_event_id_as_failure_and_as_success_is_two_events(self, tracked: Tracked) -> None:
        await tracked.fails("evt_1")
        await tracked.succeeds("evt_1")
        await tracked.has_settled()
        assert (await tracked.state()).paid

    async def test_stops_the_timer_at_once_and_no_reminder_comes_a_month_later(self, tracked: Tracked) -> None:
        await tracked.key.answered(await tracked.fails("evt_1"))
        started = await events(tracked.key.handle, "TIMER_STARTED")
        await tracked.key.answered(await tracked.succeeds("evt_2"))
        cancelled = await events(tracked.key.handle, "TIMER_CANCELED")
        assert [event.timer_canceled_event_attributes.timer_id for event in cancelled] == [
            event.timer_started_event_attributes.timer_id for event in started
        ]
        assert (await tracked.state()).next_action_at is None
        await tracked.passes(31 * DAY)
        await tracked.has_completed()
        assert (tracked.mail.numbers(), tracked.billing.tickets) == ([1], [])

    async def test_before_any_failure_settles_the_invoice(self, tracked: Tracked) -> None:
        await tracked.key.answered(await tracked.succeeds("evt_1"))
        await tracked.key.answered(await tracked.fails("evt_2"))
        assert (await tracked.state()).status is InvoiceStatus.PAID
        assert tracked.mail.sent == []

    async def test_after_the_escalation_settles_the_invoice(self, tracked: Tracked) -> None:
        await tracked.fails("evt_1")
        await tracked.passes(4 * DAY)
        await tracked.has_status(InvoiceStatus.ESCALATED)
        await tracked.key.answered(await tracked.succeeds("evt_2"))
        assert tracked.key.name in tracked.billing.settled
        assert (await tracked.state()).status is InvoiceStatus.PAID

    async def test_while_a_reminder_is_being_sent_ends_the_chain(self, tracked: Tracked) -> None:
        tracked.mail.gate.close()
        await tracked.fails("evt_1")
        await tracked.mail.gate.reached()
        await tracked.succeeds("evt_2")
        tracked.mail.gate.open()
        await tracked.has_settled()
        await tracked.passes(3 * DAY)
        assert (tracked.mail.numbers(), (await tracked.state()).paid) == ([1], True)

    async def test_while_the_ticket_is_being_opened_closes_it(self, tracked: Tracked) -> None:
        for event_id in ("evt_1", "evt_2", "evt_3"):
            await tracked.key.answered(await tracked.fails(event_id))
        tracked.billing.gate.close()
        await tracked.fails("evt_4")
        await tracked.billing.gate.reached()
        paid = await tracked.succeeds("evt_5")
        tracked.billing.gate.open()
        await tracked.key.answered(paid)
        assert (await tracked.state()).status is InvoiceStatus.PAID
        assert tracked.key.name in tracked.billing.settled

    async def test_is_recorded_once(self, tracked: Tracked) -> None:
        for event_id in ("evt_1", "evt_1", "evt_2"):
            await tracked.key.answered(await tracked.succeeds(event_id))
        assert len(await activities(tracked.key.handle, "settle")) == 1


class TestLateFailure:
    async def test_after_the_payment_sends_nothing(self, tracked: Tracked) -> None:
        await tracked.key.answered(await tracked.fails("evt_1"))
        await tracked.key.answered(await tracked.succeeds("evt_2"))
        receipt = await tracked.key.answered(await tracked.fails("evt_3"))
        assert receipt.status is ReceiptStatus.DONE
        await tracked.passes(3 * DAY)
        assert tracked.mail.numbers() == [1]

    async def test_of_an_invoice_that_was_settled_long_ago_sends_nothing(self, tracked: Tracked) -> None:
        tracked.billing.settled.add(tracked.key.name)
        await tracked.key.answered(await tracked.fails("evt_1"))
        assert (await tracked.state()).status is InvoiceStatus.PAID
        await tracked.passes(3 * DAY)
        assert (tracked.mail.sent, tracked.billing.tickets) == ([], [])


class TestMail:
    @pytest.mark.parametrize("fault", [ConnectionError("mail server is down"), MailRejected("no such mailbox")])
    async def test_that_cannot_be_sent_is_followed_by_the_next_reminder_after_the_interval(
        self, tracked: Tracked, fault: Exception
    ) -> None:
        tracked.mail.fault = fault
        await tracked.fails("evt_1")
        await tracked.passes(DAY / 2)
        assert (await tracked.state()).reminders_sent == 0
        tracked.mail.fault = None
        await tracked.passes(DAY)
        assert tracked.mail.numbers() == [2]
        await tracked.passes(5 * DAY)
        assert tracked.mail.numbers() == [2, 3]
        assert len(tracked.billing.tickets) == 1

    async def test_that_can_never_be_sent_ends_in_the_escalation(self, tracked: Tracked) -> None:
        tracked.mail.fault = MailRejected("no such mailbox")
        await tracked.fails("evt_1")
        await tracked.passes(5 * DAY)
        await tracked.has_status(InvoiceStatus.ESCALATED)
        assert (await tracked.state()).reminders_sent == 0
        assert len(tracked.billing.tickets) == 1

    async def test_that_fails_briefly_is_sent_within_minutes(self, tracked: Tracked) -> None:
        tracked.mail.fault = ConnectionError("mail server restarts")
        message_id = await tracked.fails("evt_1")
        await tracked.mail.gate.reached()
        tracked.mail.fault = None
        await tracked.key.answered(message_id)
        assert tracked.mail.numbers() == [1]


class TestReceipt:
    async def test_is_queued_while_the_reminder_is_being_sent_then_has_the_state_of_the_invoice(
        self, tracked: Tracked
    ) -> None:
        tracked.mail.gate.close()
        message_id = await tracked.fails("evt_1")
        await tracked.mail.gate.reached()
        receipt = await tracked.key.receipt(message_id)
        assert receipt
        assert (receipt.status, receipt.handler) == (ReceiptStatus.QUEUED, "onPaymentFailure")
        tracked.mail.gate.open()
        receipt = await tracked.key.answered(message_id)
        state = InvoiceState.model_validate(receipt.outcome)
        assert (receipt.status, state.reminders_sent) == (ReceiptStatus.DONE, 1)
        assert state == await tracked.state()

    async def test_of_an_unknown_message_is_none(self, tracked: Tracked) -> None:
        await tracked.fails("evt_1")
        assert await tracked.key.receipt("unknown") is None


class TestContinueAsNew:
    @pytest.fixture
    async def tracked(self, dev_server: WorkflowEnvironment) -> AsyncIterator[Tracked]:
        async with tracking(dev_server) as tracked:
            yield tracked

    async def continues(self, tracked: Tracked, first_run: str) -> None:
        async def another_run() -> bool:
            return await tracked.key.run_id() != first_run

        await eventually(another_run)

    async def test_carries_events_receipts_and_the_deadline(self, tracked: Tracked) -> None:
        first = await tracked.fails("evt_1")
        before = (await tracked.key.answered(first), await tracked.state())
        run = await tracked.key.run_id()
        last = [await tracked.fails("evt_1") for _ in range(EVENTS_BEFORE_CONTINUE_AS_NEW)][-1]
        await tracked.key.answered(last)
        await self.continues(tracked, run)
        assert (await tracked.key.answered(first), await tracked.state()) == before
        await tracked.key.answered(await tracked.fails("evt_1"))
        assert tracked.mail.numbers() == [1]
        await tracked.key.answered(await tracked.fails("evt_2"))
        assert tracked.mail.numbers() == [1, 2]

    async def test_loses_no_payment_that_comes_just_before(self, tracked: Tracked) -> None:
        tracked.mail.gate.close()
        await tracked.fails("evt_1")
        await tracked.mail.gate.reached()
        run = await tracked.key.run_id()
        for _ in range(EVENTS_BEFORE_CONTINUE_AS_NEW):
            await tracked.fails("evt_1")
        paid = await tracked.succeeds("evt_2")
        tracked.mail.gate.open()
        await self.continues(tracked, run)
        await tracked.has_settled()
        receipt = await tracked.key.answered(paid)
        assert InvoiceState.model_validate(receipt.outcome).paid
