"""Many bookings and many posts at once, counted in the database."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx2
import pytest
from aiokafka import AIOKafkaProducer
from sqlalchemy import func, select

from devstack.stack import Stack
from infra.database import Database
from infra.moderation import SimulatedModeration
from infra.tables import CarReservations, FeedEntries, FlightReservations, Payments, Posts
from tests.eventually import eventually

BOOKINGS = 200
USERS = 20
POSTS_PER_USER = 10
SUBSCRIPTION = {
    "source": "kafka://my-cluster/social-media-posts",
    "sink": "service://UserFeed/processPost",
    "options": {"auto.offset.reset": "earliest"},
}


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    opened = Database(stack.database_url)
    yield opened
    await opened.close()


async def statuses(
    database: Database, table: type[FlightReservations | CarReservations | Payments], run: str
) -> dict[str, int]:
    query = (
        select(table.status, func.count().label("rows"))
        .where(table.key.like(f"booking:{run}-%"))
        .group_by(table.status)
    )
    async with database.transaction() as connection:
        return {row.status: row.rows for row in await connection.execute(query)}


async def test_of_200_bookings_at_once_the_declined_are_undone_and_the_others_are_charged_once(
    stack: Stack, database: Database
) -> None:
    run = uuid.uuid4().hex[:8]

    async def book(client: httpx2.AsyncClient, number: int) -> int:
        card = "4111111111111111" if number % 2 else "4242424242424242"
        trip = {
            "flights": {"flightId": "12345", "passengerName": "John Doe"},
            "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
            "paymentInfo": {"cardNumber": card, "amount": 1500},
        }
        while True:
            # The gateway may close an idle connection just when it is used again. The trip is the idempotency key.
            with suppress(httpx2.NetworkError):
                status = (await client.post(f"/BookingWorkflow/{run}-{number}/run", json=trip)).status_code
                if status != httpx2.codes.SERVICE_UNAVAILABLE:  # which asks the client to try again
                    return status
            await asyncio.sleep(1)

    limits = httpx2.Limits(max_connections=BOOKINGS)
    async with httpx2.AsyncClient(base_url=stack.gateway_url, timeout=300, limits=limits) as client:
        answers = await asyncio.gather(*(book(client, number) for number in range(BOOKINGS)))

    half = BOOKINGS // 2
    assert answers == [200, 409] * half
    assert await statuses(database, FlightReservations, run) == {"CONFIRMED": half, "CANCELLED": half}
    assert await statuses(database, CarReservations, run) == {"CONFIRMED": half, "CANCELLED": half}
    # A declined card was never charged: its compensation found nothing and spent the payment's key.
    assert await statuses(database, Payments, run) == {"CHARGED": half, "CANCELLED": half}


async def test_a_user_whose_moderation_is_held_delays_no_other_user_and_feeds_keep_their_order(
    stack: Stack, http: httpx2.AsyncClient, database: Database
) -> None:
    run = uuid.uuid4().hex[:8]
    users = [f"{run}-user{number}" for number in range(USERS)]
    slow, others = users[0], users[1:]
    moderation = SimulatedModeration(database)
    await moderation.hold(slow)
    assert (await http.post("/subscriptions", json=SUBSCRIPTION)).status_code == 201
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap) as producer:
        for number in range(POSTS_PER_USER):
            for user in users:
                post = json.dumps({"content": f"post {number}", "metadata": "public"}).encode()
                await producer.send("social-media-posts", post, key=user.encode(), partition=0)

    async def feed(user: str) -> list[str]:
        query = (
            select(Posts.content)
            .join(FeedEntries, FeedEntries.post_id == Posts.id)
            .where(FeedEntries.user == user)
            .order_by(FeedEntries.position)
        )
        async with database.transaction() as connection:
            return list((await connection.execute(query)).scalars())

    in_order = [f"post {number}" for number in range(POSTS_PER_USER)]

    async def finished(*who: str) -> bool:
        return [await feed(user) for user in who] == [in_order] * len(who)

    await eventually(lambda: finished(*others), timeout_seconds=300)
    assert await feed(slow) == []
    await moderation.release(slow)
    await eventually(lambda: finished(slow), timeout_seconds=300)
