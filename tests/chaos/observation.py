"""Observes the result: what the gateway shows of entities, and what is in the database."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.database import Database
from infra.tables import (
    CarReservations,
    ClosedInvoices,
    CompletedWork,
    FeedEntries,
    FlightReservations,
    Payments,
    Posts,
    Reminders,
    Tickets,
)
from tests.chaos.client import PatientClient
from tests.chaos.model import Answer, Invoice, Package, Unit, World

MAX_REQUESTS = 20
MAX_DEAD_LETTERS = 200
"""How many the gateway is asked to list; no storm has as many."""


async def read_database(database: Database, world: World) -> None:
    """Add to `world` what the database has, in one transaction."""
    async with database.transaction() as connection:
        for table, statuses in (
            (FlightReservations, world.flights),
            (CarReservations, world.cars),
            (Payments, world.payments),
        ):
            statuses.update((row.key, row.status) for row in await connection.execute(select(table)))
        world.work.update(await _work(connection))
        await _read_billing(connection, world)
        await _read_feeds(connection, world)


async def _work(connection: AsyncConnection) -> dict[str, list[str]]:
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for row in await connection.execute(select(CompletedWork)):
        keys[row.fingerprint].append(row.key)
    return keys


async def _read_billing(connection: AsyncConnection, world: World) -> None:
    for row in await connection.execute(select(Reminders).order_by(Reminders.invoice, Reminders.number)):
        world.reminders.setdefault(row.invoice, []).append((row.number, row.status))
    world.tickets.update((row.invoice, row.closed_at is None) for row in await connection.execute(select(Tickets)))
    world.closed.update(row.invoice for row in await connection.execute(select(ClosedInvoices)))


async def _read_feeds(connection: AsyncConnection, world: World) -> None:
    for row in await connection.execute(select(Posts).order_by(Posts.sequence)):
        world.posts.setdefault(row.user, []).append((row.content, row.status))
    entries = (
        select(FeedEntries.user, FeedEntries.position, Posts.content)
        .join(Posts, Posts.id == FeedEntries.post_id)
        .order_by(FeedEntries.user, FeedEntries.position)
    )
    for entry in await connection.execute(entries):
        world.feeds.setdefault(entry.user, []).append((entry.position, entry.content))


async def ask_gateway(client: PatientClient, units: Sequence[Unit], world: World) -> None:
    """Add to `world` what the gateway shows of the entities among `units`, and the queue's dead letters."""
    slots = asyncio.Semaphore(MAX_REQUESTS)

    async def ask(unit: Unit) -> None:
        async with slots:
            if isinstance(unit, Invoice):
                world.invoices[unit.name] = _body(await client.send("GET", f"/PaymentTracker/{unit.name}"), {})
            elif isinstance(unit, Package):
                answer = await client.send("GET", f"/PackageTracker/{unit.name}/getPackageInfo")
                world.packages[unit.name] = _body(answer, {}).get("locations", [])

    await asyncio.gather(*map(ask, units))
    letters = await client.send("GET", f"/AsyncTaskWorker/deadLetters?limit={MAX_DEAD_LETTERS}")
    world.dead_letters = Counter(letter["invocationId"] for letter in _body(letters, {}).get("deadLetters", []))


def _body(answer: Answer, otherwise: Any) -> Any:
    return answer.body if answer.status == HTTPStatus.OK else otherwise
