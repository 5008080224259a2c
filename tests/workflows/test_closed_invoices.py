"""Invoices that end: paid, voided, written off, deleted. And what the Web UI shows of each end."""

from collections.abc import AsyncIterator

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from domain.inbox import ReceiptStatus
from domain.invoice import InvoiceStatus
from domain.steps import StepMode
from tests.histories import activities, events
from tests.workflows.tracked import DAY, End, Tracked, tracking


@pytest.fixture
async def tracked(time_skipping: WorkflowEnvironment, steps: StepMode) -> AsyncIterator[Tracked]:
    async with tracking(time_skipping, steps) as tracked:
        yield tracked


class TestPayment:
    async def test_the_same_event_id_as_failure_and_as_success_is_two_events(self, tracked: Tracked) -> None:
        await tracked.fails("evt_1")
        await tracked.succeeds("evt_1")
        await tracked.is_closed()
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

    async def test_before_any_failure_closes_the_invoice(self, tracked: Tracked) -> None:
        await tracked.key.answered(await tracked.succeeds("evt_1"))
        await tracked.key.answered(await tracked.fails("evt_2"))
        assert (await tracked.state()).status is InvoiceStatus.PAID
        assert tracked.mail.sent == []

    async def test_after_the_escalation_closes_the_invoice(self, tracked: Tracked) -> None:
        await tracked.fails("evt_1")
        await tracked.passes(4 * DAY)
        await tracked.has_status(InvoiceStatus.ESCALATED)
        await tracked.key.answered(await tracked.succeeds("evt_2"))
        await tracked.is_closed()
        assert (await tracked.state()).status is InvoiceStatus.PAID

    async def test_while_a_reminder_is_being_sent_ends_the_chain(self, tracked: Tracked) -> None:
        tracked.mail.gate.close()
        await tracked.fails("evt_1")
        await tracked.mail.gate.reached()
        await tracked.succeeds("evt_2")
        tracked.mail.gate.open()
        await tracked.is_closed()
        await tracked.passes(3 * DAY)
        assert (tracked.mail.numbers(), (await tracked.state()).paid) == ([1], True)

    async def test_while_the_ticket_is_being_opened_closes_it(self, tracked: Tracked) -> None:
        await tracked.is_reminded_three_times()
        tracked.billing.gate.close()
        await tracked.fails("evt_4")
        await tracked.billing.gate.reached()
        paid = await tracked.succeeds("evt_5")
        tracked.billing.gate.open()
        await tracked.key.answered(paid)
        assert (await tracked.state()).status is InvoiceStatus.PAID
        await tracked.is_closed()

    async def test_is_recorded_once(self, tracked: Tracked) -> None:
        for event_id in ("evt_1", "evt_1", "evt_2"):
            await tracked.key.answered(await tracked.succeeds(event_id))
        assert len(await activities(tracked.key.handle, "close")) == 1


class TestLateFailure:
    async def test_after_the_payment_sends_nothing(self, tracked: Tracked) -> None:
        await tracked.key.answered(await tracked.fails("evt_1"))
        await tracked.key.answered(await tracked.succeeds("evt_2"))
        receipt = await tracked.key.answered(await tracked.fails("evt_3"))
        assert receipt.status is ReceiptStatus.DONE
        await tracked.passes(3 * DAY)
        assert tracked.mail.numbers() == [1]

    async def test_of_an_invoice_that_was_paid_long_ago_sends_nothing(self, tracked: Tracked) -> None:
        tracked.billing.closed[tracked.key.name] = InvoiceStatus.PAID
        await tracked.key.answered(await tracked.fails("evt_1"))
        assert (await tracked.state()).status is InvoiceStatus.PAID
        await tracked.passes(3 * DAY)
        assert (tracked.mail.sent, tracked.billing.tickets) == ([], [])

    @pytest.mark.parametrize("customer", ["cus_1", None])
    async def test_of_an_invoice_that_was_written_off_long_ago_sends_nothing(
        self, tracked: Tracked, customer: str | None
    ) -> None:
        tracked.billing.closed[tracked.key.name] = InvoiceStatus.UNCOLLECTIBLE
        await tracked.key.answered(await tracked.fails("evt_1", customer=customer))
        state = await tracked.state()
        assert (state.status, state.closed_by) == (InvoiceStatus.UNCOLLECTIBLE, None)
        await tracked.passes(31 * DAY)
        assert (tracked.mail.sent, tracked.billing.tickets) == ([], [])

    @pytest.mark.parametrize("status", ["paid", "void", "uncollectible"])
    async def test_whose_snapshot_is_closed_sends_nothing_and_closes_the_invoice(
        self, tracked: Tracked, status: str
    ) -> None:
        await tracked.key.answered(await tracked.fails("evt_1", status=status))
        await tracked.is_closed(InvoiceStatus[status.upper()])
        await tracked.passes(31 * DAY)
        assert (tracked.mail.sent, tracked.billing.tickets) == ([], [])


class TestEnd:
    @pytest.mark.parametrize("status", ["void", "uncollectible", "deleted"])
    async def test_stops_the_chain_and_nothing_comes_a_month_later(self, tracked: Tracked, status: End) -> None:
        await tracked.key.answered(await tracked.fails("evt_1"))
        await tracked.key.answered(await tracked.ends("evt_2", status))
        state = await tracked.state()
        end = InvoiceStatus[status.upper()]
        assert (state.status, state.paid, state.closed_by, state.next_action_at) == (end, False, "evt_2", None)
        await tracked.key.answered(await tracked.fails("evt_3"))
        assert (await tracked.state()).last_ignored == f"evt_3: the invoice is {status}"
        await tracked.is_closed(end)
        await tracked.passes(31 * DAY)
        await tracked.has_completed()
        assert (tracked.mail.numbers(), tracked.billing.tickets) == ([1], [])

    async def test_that_comes_before_the_failure_stops_it(self, tracked: Tracked) -> None:
        await tracked.key.answered(await tracked.ends("evt_2"))
        await tracked.key.answered(await tracked.fails("evt_1"))
        await tracked.passes(31 * DAY)
        assert (tracked.mail.sent, tracked.billing.tickets) == ([], [])

    async def test_while_a_reminder_is_being_sent_stops_the_next(self, tracked: Tracked) -> None:
        tracked.mail.gate.close()
        await tracked.fails("evt_1")
        await tracked.mail.gate.reached()
        await tracked.ends("evt_2")
        tracked.mail.gate.open()
        await tracked.is_closed(InvoiceStatus.VOID)
        await tracked.passes(31 * DAY)
        assert (tracked.mail.numbers(), tracked.billing.tickets) == ([1], [])

    async def test_while_no_mail_server_answers_gives_the_reminder_up(self, tracked: Tracked) -> None:
        tracked.mail.fault = ConnectionError("mail server is down")
        await tracked.fails("evt_1")
        await tracked.mail.gate.reached()
        await tracked.ends("evt_2")
        await tracked.is_closed(InvoiceStatus.VOID)
        tracked.mail.fault = None
        await tracked.passes(31 * DAY)
        await tracked.has_completed()
        assert (tracked.mail.sent, tracked.billing.tickets) == ([], [])

    async def test_as_uncollectible_gives_way_to_the_payment_and_the_record_follows(self, tracked: Tracked) -> None:
        await tracked.key.answered(await tracked.ends("evt_1", "uncollectible"))
        await tracked.is_closed(InvoiceStatus.UNCOLLECTIBLE)
        await tracked.passes(20 * DAY)
        await tracked.key.answered(await tracked.succeeds("evt_2"))
        await tracked.is_closed()
        await tracked.passes(20 * DAY)
        assert (await tracked.state()).closed_by == "evt_2"
        assert (await tracked.key.handle.describe()).status is WorkflowExecutionStatus.RUNNING
        await tracked.passes(11 * DAY)
        await tracked.has_completed()

    async def test_that_comes_long_after_the_payment_leaves_the_invoice_paid(self, tracked: Tracked) -> None:
        tracked.billing.closed[tracked.key.name] = InvoiceStatus.PAID
        await tracked.key.answered(await tracked.ends("evt_1", "uncollectible"))
        assert (await tracked.state()).status is InvoiceStatus.PAID
        await tracked.is_closed()


class TestWhatTheWebUiShows:
    async def details(self, tracked: Tracked) -> str:
        shown = await tracked.key.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        return str(shown.current_details)

    async def test_is_the_reason_of_the_state(self, tracked: Tracked) -> None:
        await tracked.key.answered(await tracked.fails("evt_1"))
        reason = (await tracked.state()).reason
        assert "Next: reminder 2 of 3 at" in reason
        assert await self.details(tracked) == f"REMINDING. {reason}"
        await tracked.key.answered(await tracked.ends("evt_2"))
        assert await self.details(tracked) == "VOID. evt_2 says that the invoice is void: nothing more is sent."
