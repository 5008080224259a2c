"""Trips: booked, and declined after three steps."""

from benchmarks.compare.load.jobs import Expected
from benchmarks.compare.rows.calls import MANY, Calls, events_per_key
from benchmarks.compare.session import Measured, Session
from benchmarks.harness.bodies import DECLINED_CARD, GOOD_CARD, trip
from domain.booking import BOOKING

PATH = f"/{BOOKING.service}/{{key}}/run"
FINAL_STATUSES = {
    "booked": {"flight_reservations": "CONFIRMED", "car_reservations": "CONFIRMED", "payments": "CHARGED"},
    "failed": {"flight_reservations": "CANCELLED", "car_reservations": "CANCELLED", "payments": "CANCELLED"},
}
"""What each table of the simulated systems must have for such trips."""


async def booked(session: Session) -> Measured:
    return await _measure(session, Calls("saga-success", PATH, trip(GOOD_CARD), Expected(text="**** 4242")), "booked")


async def declined(session: Session, concurrency: int = MANY) -> Measured:
    expected = Expected(status=409, text="Ran 3 compensations.")
    calls = Calls("saga-failure", PATH, trip(DECLINED_CARD), expected, concurrency)
    return await _measure(session, calls, "failed")


async def declined_one_by_one(session: Session) -> Measured:
    return await declined(session, concurrency=1)


async def _measure(session: Session, calls: Calls, end: str) -> Measured:
    """Measure, then check that the database has each trip with the statuses of this end."""
    measured, prefix = await calls.measure(session)
    for table, status in FINAL_STATUSES[end].items():
        query = f"SELECT count(*) FROM {table} WHERE key LIKE ? AND status = ?"  # noqa: S608 - names of our own
        session.expect(f"{table} of {end} trips", measured.units, query, f"%{prefix}-%", status)
    measured.events_per_unit = await events_per_key(session, BOOKING, prefix, measured.units)
    return measured
