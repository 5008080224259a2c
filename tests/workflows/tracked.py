"""An invoice with its tracker, and with mail and billing that can fail and hang, and record every call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from activities.payment_tracker import PaymentTrackerActivities
from domain.invoice import (
    ClosingEvent,
    ClosingEventData,
    InvoiceStatus,
    PaymentEvent,
    PaymentEventData,
    TrackedInvoice,
)
from domain.payload import Payload
from domain.payment_tracker import PAYMENT_TRACKER
from domain.plans import Plans
from domain.steps import StepMode
from tests.eventually import eventually
from tests.workflows.entity_key import EntityKey, serving
from tests.workflows.fakes import FakeBilling, FakeMail
from workflows.payment_tracker import PaymentTracker

End = Literal["void", "uncollectible", "deleted"]
DAY = timedelta(days=1)
HOURS = timedelta(hours=4)
"""The shortest distance between two reminders."""
A_MOMENT = timedelta(minutes=1)


@dataclass
class Tracked:
    """An invoice, its tracker, and the systems around it."""

    key: EntityKey
    billing: FakeBilling
    mail: FakeMail
    environment: WorkflowEnvironment

    async def fails(
        self, event_id: str, attempt: int | None = None, status: str | None = None, customer: str | None = "cus_1"
    ) -> str:
        data = PaymentEventData(id=event_id, customer=customer, attempt_count=attempt, status=status)
        return await self._send("onPaymentFailure", PaymentEvent(type="invoice", created=1, data=data))

    async def succeeds(self, event_id: str) -> str:
        data = PaymentEventData(id=event_id)
        return await self._send("onPaymentSuccess", PaymentEvent(type="invoice", created=1, data=data))

    async def ends(self, event_id: str, status: End = "void") -> str:
        data = ClosingEventData(id=event_id, status=status)
        return await self._send("onInvoiceClosed", ClosingEvent(type="invoice", created=1, data=data))

    async def is_reminded_three_times(self) -> None:
        """By failures with the shortest distance between them."""
        for number in (1, 2, 3):
            await self.key.answered(await self.fails(f"evt_{number}"))
            await self.passes(HOURS)
        assert self.mail.numbers() == [1, 2, 3]

    async def passes(self, time: timedelta) -> None:
        await self.environment.sleep(time)

    async def state(self) -> TrackedInvoice:
        return await self.key.handle.query(PaymentTracker.state)

    async def has_status(self, status: InvoiceStatus) -> None:
        async def reached() -> bool:
            return (await self.state()).status is status

        await eventually(reached)

    async def is_closed(self, status: InvoiceStatus = InvoiceStatus.PAID) -> None:
        """The billing record has it as `status`."""
        await eventually(lambda: self.billing.closed.get(self.key.name) is status)

    async def has_completed(self) -> None:
        async def completed() -> bool:
            return (await self.key.handle.describe()).status is WorkflowExecutionStatus.COMPLETED

        await eventually(completed)

    async def _send(self, handler: str, event: Payload) -> str:
        [message_id] = await self.key.send(handler, event)
        return message_id


@asynccontextmanager
async def tracking(environment: WorkflowEnvironment, steps: StepMode) -> AsyncIterator[Tracked]:
    billing, mail = FakeBilling(environment.get_current_time), FakeMail(environment.get_current_time)
    activities = PaymentTrackerActivities(billing, mail)
    async with serving(environment.client, PAYMENT_TRACKER, PaymentTracker, activities, Plans(steps=steps)) as key:
        yield Tracked(key, billing, mail, environment)
        billing.gate.open()
        mail.gate.open()
