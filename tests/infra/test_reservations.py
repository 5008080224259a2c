import asyncio
from datetime import date

import pytest

from domain.booking import (
    CancellationRefused,
    CarRequest,
    CarReservation,
    CarUnavailable,
    FlightRequest,
    FlightReservation,
    FlightSoldOut,
    KeyReused,
    ReservationCancelled,
)
from infra.airline import SimulatedAirline
from infra.database import Database
from infra.rental_cars import SimulatedRentalCompany
from infra.tables import CarReservations, FlightReservations
from tests.infra.rows import rows


def seat(key: str = "booking:trip1:flight", flight_id: str = "LH 123") -> FlightReservation:
    return FlightReservation(key=key, flight=FlightRequest(flight_id=flight_id, passenger_name="John Doe"))


def car(key: str = "booking:trip1:car", location: str = "Airport") -> CarReservation:
    return CarReservation(key=key, car=CarRequest(pickup_location=location, rental_date=date(2024, 12, 16)))


@pytest.fixture
def airline(database: Database) -> SimulatedAirline:
    return SimulatedAirline(database)


@pytest.fixture
def rental(database: Database) -> SimulatedRentalCompany:
    return SimulatedRentalCompany(database)


async def flight_statuses(database: Database) -> list[str]:
    return [row.status for row in await rows(database, FlightReservations)]


class TestReserve:
    async def test_returns_one_reservation_for_one_key_however_many_ask(
        self, airline: SimulatedAirline, database: Database
    ) -> None:
        reservation_ids = await asyncio.gather(*(airline.reserve(seat()) for _ in range(50)))
        (row,) = await rows(database, FlightReservations)
        assert set(reservation_ids) == {row.reservation_id}
        assert (row.status, row.what) == ("RESERVED", "LH 123 for John Doe")

    async def test_returns_another_reservation_for_another_key(self, airline: SimulatedAirline) -> None:
        assert await airline.reserve(seat("a")) != await airline.reserve(seat("b"))

    async def test_refuses_a_key_that_holds_another_reservation(
        self, airline: SimulatedAirline, database: Database
    ) -> None:
        await airline.reserve(seat("a"))
        with pytest.raises(KeyReused):
            await airline.reserve(seat("a", flight_id="other"))
        assert await flight_statuses(database) == ["RESERVED"]

    async def test_knows_a_name_again_that_cannot_be_stored_as_it_is(self, airline: SimulatedAirline) -> None:
        flight = FlightRequest(flight_id="LH 123", passenger_name="John\0Doe")
        reservation = FlightReservation(key="a", flight=flight)
        assert await airline.reserve(reservation) == await airline.reserve(reservation)

    async def test_holds_the_longest_names_that_a_request_may_have(
        self, airline: SimulatedAirline, database: Database
    ) -> None:
        long = FlightRequest(flight_id="f" * 200, passenger_name="p" * 200)
        await airline.reserve(FlightReservation(key="k" * 250, flight=long))
        assert await flight_statuses(database) == ["RESERVED"]

    async def test_refuses_a_flight_that_is_sold_out_and_leaves_nothing(
        self, airline: SimulatedAirline, database: Database
    ) -> None:
        with pytest.raises(FlightSoldOut, match="SOLD-OUT"):
            await airline.reserve(seat(flight_id="SOLD-OUT"))
        assert await rows(database, FlightReservations) == []

    async def test_refuses_a_station_without_cars_and_leaves_nothing(
        self, rental: SimulatedRentalCompany, database: Database
    ) -> None:
        with pytest.raises(CarUnavailable, match="NOWHERE"):
            await rental.reserve(car(location="NOWHERE"))
        assert await rows(database, CarReservations) == []

    async def test_keeps_cars_and_flights_apart(
        self, airline: SimulatedAirline, rental: SimulatedRentalCompany, database: Database
    ) -> None:
        await airline.reserve(seat("same key"))
        await rental.reserve(car("same key"))
        await rental.cancel("same key")
        assert await flight_statuses(database) == ["RESERVED"]


class TestConfirm:
    async def test_can_be_repeated(self, airline: SimulatedAirline, database: Database) -> None:
        await airline.reserve(seat("a"))
        await airline.confirm("a")
        await airline.confirm("a")
        assert await flight_statuses(database) == ["CONFIRMED"]

    async def test_is_not_reverted_by_a_late_reserve(self, airline: SimulatedAirline, database: Database) -> None:
        first = await airline.reserve(seat("a"))
        await airline.confirm("a")
        assert await airline.reserve(seat("a")) == first
        assert await flight_statuses(database) == ["CONFIRMED"]

    async def test_refuses_a_key_that_was_never_reserved(self, airline: SimulatedAirline) -> None:
        with pytest.raises(ReservationCancelled, match="unknown"):
            await airline.confirm("unknown")

    async def test_refuses_a_reservation_that_was_cancelled(
        self, airline: SimulatedAirline, database: Database
    ) -> None:
        await airline.reserve(seat("a"))
        await airline.cancel("a")
        with pytest.raises(ReservationCancelled):
            await airline.confirm("a")
        assert await flight_statuses(database) == ["CANCELLED"]


class TestCancel:
    async def test_of_a_car_that_is_not_taken_back_is_refused(
        self, rental: SimulatedRentalCompany, database: Database
    ) -> None:
        await rental.cancel("b")
        await rental.reserve(car("a", location="NO-RETURN"))
        with pytest.raises(CancellationRefused):
            await rental.cancel("a")
        assert [row.status for row in await rows(database, CarReservations)] == ["RESERVED", "CANCELLED"]

    async def test_can_be_repeated_also_after_the_confirmation(
        self, airline: SimulatedAirline, database: Database
    ) -> None:
        await airline.reserve(seat("a"))
        await airline.confirm("a")
        await airline.cancel("a")
        await airline.cancel("a")
        assert await flight_statuses(database) == ["CANCELLED"]

    async def test_before_the_reservation_makes_the_late_one_refused(
        self, airline: SimulatedAirline, database: Database
    ) -> None:
        await airline.cancel("a")
        with pytest.raises(ReservationCancelled):
            await airline.reserve(seat("a"))
        (spent,) = await rows(database, FlightReservations)
        assert (spent.status, spent.reservation_id) == ("CANCELLED", None)

    async def test_racing_with_the_reservation_leaves_nothing_reserved(
        self, airline: SimulatedAirline, database: Database
    ) -> None:
        calls = [call for n in range(25) for call in (airline.reserve(seat(f"{n}")), airline.cancel(f"{n}"))]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(outcome, str | None | ReservationCancelled) for outcome in outcomes)
        assert await flight_statuses(database) == ["CANCELLED"] * 25
