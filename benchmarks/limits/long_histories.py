"""Entities that get many messages in their life."""

from benchmarks.harness.bodies import location
from benchmarks.harness.histories import history_sizes
from benchmarks.limits.messages import MessageSender, new_key
from benchmarks.limits.trial import Outcome, Trial, works
from domain.invoice import ReminderPlan
from domain.package_tracker import LOCATIONS_KEPT, PACKAGE_TRACKER, LocationUpdate
from domain.payment_tracker import PAYMENT_TRACKER

LOCATIONS_PER_SIGNAL = 500


def event_trial(sender: MessageSender, title: str, events: int) -> Trial:
    """One invoice, whose events come one by one: it must end escalated, after all its reminders."""

    async def send_events() -> Outcome:
        key = new_key()
        for number in range(events):
            await sender.send_payment_failure(key, number)
        state = await sender.state_when(f"/PaymentTracker/{key}", lambda state: state["status"] == "ESCALATED")
        histories = await history_sizes(sender.client, PAYMENT_TRACKER.execution_id(key))
        return works(state["remindersSent"] == ReminderPlan().reminders, str(state), histories)

    return Trial(title, f"{events:,} events", send_events)


def location_trial(sender: MessageSender, locations: int) -> Trial:
    """One package, whose locations come in batches: it must show the last ones, in order."""

    async def send_locations() -> Outcome:
        key = new_key()
        await sender.bench.register_package(key)
        for first in range(0, locations, LOCATIONS_PER_SIGNAL):
            numbers = range(first, min(first + LOCATIONS_PER_SIGNAL, locations))
            updates = [LocationUpdate.model_validate(location(number)) for number in numbers]
            await sender.send(PACKAGE_TRACKER, key, "updateLocation", updates)
        expected = [location(number) for number in range(max(0, locations - LOCATIONS_KEPT), locations)]
        info = await sender.state_when(
            f"/PackageTracker/{key}/getPackageInfo", lambda info: info["locations"][-1:] == expected[-1:]
        )
        histories = await history_sizes(sender.client, PACKAGE_TRACKER.execution_id(key))
        return works(info["locations"] == expected, "other locations", histories)

    return Trial("package, in batches", f"{locations:,} locations", send_locations)
