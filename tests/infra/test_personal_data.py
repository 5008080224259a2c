"""What the database has about a key is erased, and nothing of another key or tenant."""

from functools import partial
from typing import Any

import pytest

from domain.booking import BOOKING
from domain.fan_out import FAN_OUT
from domain.message_queue import MESSAGE_QUEUE
from domain.pattern import Pattern
from domain.payment_tracker import PAYMENT_TRACKER
from domain.user_feed import USER_FEED
from infra.database import Database
from infra.personal_data import PersonalData
from infra.tables import (
    CarReservations,
    ClosedInvoices,
    CompletedWork,
    FeedEntries,
    FlightReservations,
    ModerationCases,
    ModerationHolds,
    Payments,
    Posts,
    Reminders,
    Table,
    Tickets,
)
from tests.infra.rows import rows

KEYS = ("a", "acme/a", "a_b/a", "b", "ACME/a", "axb/a")
"""One of each tenant, whose names are alike, and another one of the first."""


async def insert(database: Database, table: type[Table], **values: Any) -> None:
    async with database.transaction() as connection:
        await database.insert_once(connection, table, **values)


@pytest.fixture
async def data(database: Database) -> PersonalData:
    async with database.transaction() as connection:
        write = partial(database.insert_once, connection)
        for n, key in enumerate(KEYS):
            await write(Posts, id=f"p{n}", user=key, content="Hi", details="", status="PUBLISHED")
            await write(FeedEntries, user=key, position=1, post_id=f"p{n}")
            await write(ModerationCases, post_id=f"p{n}", user=key, checks=1)
            await write(ModerationHolds, user=key)
            sent: dict[str, Any] = {"number": 1, "event_id": "e", "status": "SENT"}
            await write(Reminders, invoice=key, customer="cus_1", **sent)
            await write(Tickets, invoice=key, customer="cus_1", event_id="e")
            await write(ClosedInvoices, invoice=key, status="PAID")
            tenant, _, name = key.rpartition("/")
            execution = BOOKING.of(tenant or "default").execution_id(name)
            await write(FlightReservations, key=f"{execution}:flight", what="John", status="CONFIRMED")
            await write(CarReservations, key=f"{execution}:car", what="Elm St", status="CONFIRMED")
            paid: dict[str, Any] = {"card_token": "tok_1", "amount_cents": 1, "status": "CHARGED"}
            await write(Payments, key=f"{execution}:payment", **paid)
            task = MESSAGE_QUEUE.of(tenant or "default").execution_id(name)
            await write(CompletedWork, key=task, fingerprint="f")
    return PersonalData(database)


async def count(database: Database, *tables: type[Table]) -> list[int]:
    return [len(await rows(database, table)) for table in tables]


@pytest.mark.parametrize("tenant", ["default", "acme", "a_b"])
@pytest.mark.parametrize(
    ("pattern", "tables", "kept"),
    [
        (USER_FEED, [FeedEntries, ModerationCases, ModerationHolds, Posts], []),
        (PAYMENT_TRACKER, [Reminders, Tickets], [ClosedInvoices]),
        (MESSAGE_QUEUE, [CompletedWork], []),
        (FAN_OUT, [], []),
    ],
    ids=lambda each: each.name if isinstance(each, Pattern) else "",
)
async def test_the_rows_of_a_key_are_deleted_once(
    *,
    data: PersonalData,
    database: Database,
    pattern: Pattern,
    tables: list[type[Table]],
    kept: list[type[Table]],
    tenant: str,
) -> None:
    names = [table.__tablename__ for table in tables]
    assert await data.erase(pattern.of(tenant), "a") == dict.fromkeys(names, 1)
    assert await data.erase(pattern.of(tenant), "a") == dict.fromkeys(names, 0)
    assert await count(database, *tables, *kept) == [len(KEYS) - 1] * len(tables) + [len(KEYS)] * len(kept)


@pytest.mark.parametrize("tenant", ["default", "acme", "a_b"])
async def test_a_trip_keeps_its_rows_without_passenger_place_and_card(
    data: PersonalData, database: Database, tenant: str
) -> None:
    names = ["flight_reservations", "car_reservations", "payments"]
    assert await data.erase(BOOKING.of(tenant), "a") == dict.fromkeys(names, 1)
    assert await data.erase(BOOKING.of(tenant), "a") == dict.fromkeys(names, 0)
    trip = BOOKING.of(tenant).execution_id("a")
    for table, column, gone in (
        (FlightReservations, "what", ""),
        (CarReservations, "what", ""),
        (Payments, "card_token", None),
    ):
        found = {row.key.rpartition(":")[0]: row for row in await rows(database, table)}
        assert getattr(found[trip], column) == gone
        assert found[trip].status in ("CONFIRMED", "CHARGED")
        assert [name for name, row in found.items() if getattr(row, column) == gone] == [trip]


@pytest.mark.parametrize(
    ("tenant", "invoices"), [("default", {"a", "b"}), ("acme", {"a"}), ("a_b", {"a"}), ("x", set())]
)
async def test_a_customers_invoices_are_those_of_the_tenant(
    data: PersonalData, tenant: str, invoices: set[str]
) -> None:
    assert set(await data.invoices_of("cus_1", tenant, limit=10)) == invoices
    assert len(await data.invoices_of("cus_1", tenant, limit=1)) == min(1, len(invoices))
    assert await data.invoices_of("cus_2", tenant, limit=10) == []
    assert await data.invoices_of("%", tenant, limit=10) == []


async def test_a_customer_is_found_by_a_ticket_alone(data: PersonalData, database: Database) -> None:
    await insert(database, Tickets, invoice="acme/c", customer="cus_3", event_id="e")
    assert await data.invoices_of("cus_3", "acme", limit=10) == ["c"]
