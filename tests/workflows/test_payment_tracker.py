"""A month of reminders in a second, with mail and billing that can fail and hang."""

import itertools
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.inbox import ReceiptStatus
from domain.invoice import InvoiceState, InvoiceStatus
from domain.payment_tracker import MailRejected
from domain.steps import StepMode
from tests.eventually import eventually
from tests.histories import events
from tests.workflows.conftest import EVENTS_BEFORE_CONTINUE_AS_NEW
from tests.workflows.tracked import A_MOMENT, DAY, HOURS, Tracked, tracking


@pytest.fixture
async def tracked(time_skipping: WorkflowEnvironment, steps: StepMode) -> AsyncIterator[Tracked]:
    async with tracking(time_skipping, steps) as tracked:
        yield tracked


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
        await tracked.is_reminded_three_times()
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
        await tracked.passes(HOURS + A_MOMENT)
        assert [(r.number, r.event_id) for r, _ in tracked.mail.sent] == [(1, "evt_1"), (2, "evt_2")]
        assert intervals([at for _, at in tracked.mail.sent]) == [HOURS]

    async def test_failures_at_short_distances_use_up_no_reminders(self, tracked: Tracked) -> None:
        for number in range(1, 9):
            await tracked.key.answered(await tracked.fails(f"evt_{number}", attempt=number))
        assert (tracked.mail.numbers(), tracked.billing.tickets) == ([1], [])
        await tracked.passes(10 * DAY)
        [(_, escalated_at)] = tracked.billing.tickets
        assert intervals([*(at for _, at in tracked.mail.sent), escalated_at]) == [HOURS, DAY, DAY]

    async def test_a_payment_attempt_counts_once_whatever_the_ids_of_its_events(self, tracked: Tracked) -> None:
        for event_id, attempt in (("evt_1", 1), ("evt_2", 1), ("evt_3", 2), ("evt_4", 1), ("evt_5", 2)):
            await tracked.key.answered(await tracked.fails(event_id, attempt))
            await tracked.passes(HOURS + A_MOMENT)
        assert [reminder.event_id for reminder, _ in tracked.mail.sent] == ["evt_1", "evt_3"]
        assert (await tracked.state()).last_ignored == "evt_5: attempt 2 has been counted, or a later one"

    async def test_an_invoice_without_a_customer_is_escalated_at_once(self, tracked: Tracked) -> None:
        await tracked.key.answered(await tracked.fails("evt_1", customer=None))
        [(ticket, _)] = tracked.billing.tickets
        assert (ticket.customer, ticket.event_id, tracked.mail.sent) == (None, "evt_1", [])


class TestTimer:
    async def test_stays_when_an_event_changes_no_deadline(self, tracked: Tracked) -> None:
        for _ in range(3):
            await tracked.key.answered(await tracked.fails("evt_1"))
        assert len(await events(tracked.key.handle, "TIMER_STARTED")) == 1
        assert not await events(tracked.key.handle, "TIMER_CANCELED")
        await tracked.passes(DAY + A_MOMENT)
        assert tracked.mail.numbers() == [1, 2]

    async def test_is_replaced_when_an_event_brings_the_deadline_forward(self, tracked: Tracked) -> None:
        await tracked.key.answered(await tracked.fails("evt_1"))
        await tracked.key.answered(await tracked.fails("evt_2"))
        assert len(await events(tracked.key.handle, "TIMER_STARTED")) == 2
        assert len(await events(tracked.key.handle, "TIMER_CANCELED")) == 1
        await tracked.passes(HOURS + A_MOMENT)
        assert tracked.mail.numbers() == [1, 2]

    async def test_of_a_closed_invoice_is_the_one_that_forgets_it(self, tracked: Tracked) -> None:
        await tracked.key.answered(await tracked.fails("evt_1"))
        await tracked.key.answered(await tracked.succeeds("evt_2"))
        await tracked.key.answered(await tracked.fails("evt_3"))
        started = await events(tracked.key.handle, "TIMER_STARTED")
        assert len(started) == 2
        assert len(await events(tracked.key.handle, "TIMER_CANCELED")) == 1


class TestCost:
    async def test_of_a_reminder_is_half_of_the_transitions_with_local_steps(
        self, dev_server: WorkflowEnvironment, steps: StepMode
    ) -> None:
        async with tracking(dev_server, steps) as tracked:
            await tracked.fails("evt_1")
            # Without a query, which a local step has its task end for.
            await eventually(lambda: events(tracked.key.handle, "TIMER_STARTED"))
            described = (await tracked.key.handle.describe()).raw_description.workflow_execution_info
        cost = described.history_length, described.state_transition_count
        assert cost == {StepMode.ACTIVITY: (12, 6), StepMode.LOCAL: (7, 3)}[steps]


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
        assert state.model_dump() == (await tracked.state()).model_dump(include=set(InvoiceState.model_fields))

    async def test_of_an_unknown_message_is_none(self, tracked: Tracked) -> None:
        await tracked.fails("evt_1")
        assert await tracked.key.receipt("unknown") is None


class TestContinueAsNew:
    @pytest.fixture
    async def tracked(self, dev_server: WorkflowEnvironment, steps: StepMode) -> AsyncIterator[Tracked]:
        async with tracking(dev_server, steps) as tracked:
            yield tracked

    async def continues(self, tracked: Tracked, first_run: str) -> None:
        async def another_run() -> bool:
            return await tracked.key.run_id() != first_run

        await eventually(another_run)

    async def test_carries_events_receipts_and_the_deadline(self, tracked: Tracked, steps: StepMode) -> None:
        first = await tracked.fails("evt_1")
        before = (await tracked.key.answered(first), await tracked.state())
        run = await tracked.key.run_id()
        last = [await tracked.fails("evt_1") for _ in range(EVENTS_BEFORE_CONTINUE_AS_NEW)][-1]
        await tracked.key.answered(last)
        await self.continues(tracked, run)
        [started] = await events(tracked.key.handle, "WORKFLOW_EXECUTION_STARTED")
        assert f'"steps":"{steps}"'.encode() in started.SerializeToString()
        state = await tracked.state()
        assert state.last_ignored == "evt_1: this event ID has been counted"
        assert (await tracked.key.answered(first), state.model_copy(update={"last_ignored": None})) == before
        await tracked.key.answered(await tracked.fails("evt_1"))
        assert (await tracked.state()).next_action_at == state.next_action_at
        await tracked.key.answered(await tracked.fails("evt_2"))
        assert await self.brings_forward(tracked, state)

    async def brings_forward(self, tracked: Tracked, before: InvoiceState) -> bool:
        """To the shortest distance from the reminder that the run before has sent."""
        assert before.next_action_at
        return (await tracked.state()).next_action_at == before.next_action_at - DAY + HOURS

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
        await tracked.is_closed()
        receipt = await tracked.key.answered(paid)
        assert InvoiceState.model_validate(receipt.outcome).paid
