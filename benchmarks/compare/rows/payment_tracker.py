"""A failed payment of a new invoice, until its first reminder is sent."""

from benchmarks.compare.load.jobs import Expected
from benchmarks.compare.rows.calls import SOME, Calls, events_per_key
from benchmarks.compare.session import Measured, Session
from benchmarks.harness.bodies import payment_failure
from domain.payment_tracker import PAYMENT_TRACKER

PATH = f"/{PAYMENT_TRACKER.service}/{{key}}/onPaymentFailure"


async def reminded(session: Session) -> Measured:
    calls = Calls("payment-reminder", PATH, payment_failure(0), Expected(text="remindersSent"), SOME)
    measured, prefix = await calls.measure(session)
    query = "SELECT count(*) FROM reminders WHERE invoice LIKE ? AND status = 'SENT'"
    session.expect("reminders", measured.units, query, f"{prefix}-%")
    measured.events_per_unit = await events_per_key(session, PAYMENT_TRACKER, prefix, measured.units)
    return measured
