"""A repeated message to an entity that has completed."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from activities.payment_tracker import PaymentTrackerActivities
from api.invokers.entity import EntityInvoker
from api.invokers.invocation import Call, Submission, WebUi
from api.invokers.receipts import Receipts
from domain.invoice import PaymentEvent, PaymentEventData, ReminderPlan
from domain.package_tracker import PACKAGE_TRACKER, LocationUpdate, PackagePlan
from domain.payment_tracker import PAYMENT_TRACKER
from domain.plans import Plans
from tests.eventually import eventually
from tests.workflows.entity_key import EntityKey, serving
from tests.workflows.fakes import FakeBilling, FakeMail, anytime
from workflows import package_tracker, payment_tracker

SOON = timedelta(milliseconds=500)
LOCATION = LocationUpdate(timestamp="2024-10-10 13:00", location="Paris")
FAILURE = PaymentEvent(type="invoice", created=1, data=PaymentEventData(id="evt_1", customer="cus_1"))


async def completed(key: EntityKey) -> str:
    """Wait until the key's workflow has completed; return its run."""

    async def is_completed() -> bool:
        return (await key.handle.describe()).status is WorkflowExecutionStatus.COMPLETED

    await eventually(is_completed)
    return await key.run_id()


def sender(key: EntityKey) -> Callable[[str], Awaitable[Submission]]:
    """Send a location as the gateway does, under an idempotency key."""
    invoker = EntityInvoker(key.client, WebUi("http://ui", "default"), key.entities, key.entity, Receipts(key.client))

    async def send(idempotency_key: str) -> Submission:
        return await invoker.submit(Call("updateLocation", LOCATION, key.name, idempotency_key))

    return send


class TestGivenUpPackage:
    async def test_recognises_a_repeated_message_until_another_one_starts_a_new_run(
        self, dev_server: WorkflowEnvironment
    ) -> None:
        plans = Plans(packages=PackagePlan(registration_ttl=SOON))
        async with serving(dev_server.client, PACKAGE_TRACKER, package_tracker.PackageTracker, None, plans) as key:
            send = sender(key)
            assert not (await send("first")).repeated
            run = await completed(key)
            assert (await send("first")).repeated
            assert await key.run_id() == run
            assert not (await send("second")).repeated
            assert await completed(key) != run
            assert not (await send("first")).repeated
            await completed(key)

    async def test_counts_a_redelivered_record_as_new(self, dev_server: WorkflowEnvironment) -> None:
        plans = Plans(packages=PackagePlan(registration_ttl=SOON))
        async with serving(dev_server.client, PACKAGE_TRACKER, package_tracker.PackageTracker, None, plans) as key:
            await key.deliver("updateLocation", {0: LOCATION})
            run = await completed(key)
            await key.deliver("updateLocation", {0: LOCATION})
            assert await completed(key) != run
            state = await key.handle.query(package_tracker.PackageTracker.state)
            assert state.waiting is not None
            assert state.waiting.received == 1


async def test_a_record_redelivered_to_a_completed_invoice_sends_no_reminder(dev_server: WorkflowEnvironment) -> None:
    billing, mail = FakeBilling(anytime), FakeMail(anytime)
    plans = Plans(reminders=ReminderPlan(closed_linger=SOON))
    steps = PaymentTrackerActivities(billing, mail)
    async with serving(dev_server.client, PAYMENT_TRACKER, payment_tracker.PaymentTracker, steps, plans) as key:
        await key.deliver("onPaymentFailure", {0: FAILURE})
        await eventually(lambda: mail.numbers() == [1])
        await key.deliver("onPaymentSuccess", {1: FAILURE})
        run = await completed(key)
        await key.deliver("onPaymentFailure", {0: FAILURE})
        assert await completed(key) != run
        assert mail.numbers() == [1]
        assert (await key.handle.query(payment_tracker.PaymentTracker.state)).paid
