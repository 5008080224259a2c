"""Subscriptions, played by clicking: created, behind, a worker that is killed, paused, resumed, deleted, stalled."""

import json
import uuid
from collections.abc import AsyncIterator

import httpx2
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from playwright.async_api import Locator, expect

from devstack.stack import Stack
from tests.brokers.fixtures import make_topic
from tests.console.visitor import Visitor

RECORDS = 40
"""Sent before the worker is killed, and as many while there is none."""


@pytest.fixture
async def producer(stack: Stack) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap) as connected:
        yield connected


@pytest.fixture
async def topic(stack: Stack) -> str:
    name = f"locations-{uuid.uuid4().hex[:8]}"
    await make_topic(stack.bootstrap, name)
    return name


async def produce(producer: AIOKafkaProducer, topic: str, package: str, hour: int) -> None:
    """Send a location for each minute from `hour` on."""
    for minute in range(RECORDS):
        location = json.dumps({"timestamp": f"2024-10-10 {hour}:{minute:02}", "location": "Paris"}).encode()
        await producer.send_and_wait(topic, location, key=package.encode())


def card(visitor: Visitor, topic: str) -> Locator:
    return visitor.page.get_by_role("article", name=f"my-cluster/{topic} to PackageTracker/updateLocation")


def figure(visitor: Visitor, name: str) -> Locator:
    """A number of the card, by its label."""
    return (
        visitor.page.locator(".card .facts > div").filter(has=visitor.page.get_by_text(name, exact=True)).locator("dd")
    )


async def subscribe(visitor: Visitor, topic: str) -> None:
    await visitor.go("subscriptions")
    await visitor.page.get_by_label("Topic", exact=True).fill(topic)
    await visitor.page.get_by_label("Handler").select_option("PackageTracker/updateLocation")
    await visitor.page.get_by_role("button", name="Subscribe").click()
    await expect(card(visitor, topic)).to_contain_text("running")
    await expect(figure(visitor, "Consumers")).to_have_text("1 of 1")


async def test_a_subscription_delivers_each_record_once_although_its_worker_is_killed(
    visitor: Visitor, stack: Stack, http: httpx2.AsyncClient, producer: AIOKafkaProducer, topic: str
) -> None:
    package = f"package-{uuid.uuid4().hex[:8]}"
    await subscribe(visitor, topic)
    await produce(producer, topic, package, 13)
    await expect(figure(visitor, "Delivered")).to_have_text(str(RECORDS))

    await stack.processes.kill("workers")
    try:
        await produce(producer, topic, package, 14)
        await producer.send_and_wait(topic, b'{"location": 5}', key=package.encode())
        await expect(visitor.page.locator(".trouble")).to_contain_text("Trying again.")
    finally:
        await stack.processes.start("workers")

    await expect(visitor.page.locator(".trouble")).to_be_empty()
    row = visitor.page.get_by_role("region", name="Partitions").get_by_role("row").nth(1)
    end = str(2 * RECORDS + 1)
    await expect(row.get_by_role("cell")).to_contain_text(["0", "0", "/s", end, end, end, end, "–", "1", "–"])
    await expect(figure(visitor, "Dead letters")).to_have_text("1")
    waiting = (await http.get(f"/PackageTracker/{package}")).json()["waiting"]
    assert (waiting["received"], len(waiting["locations"])) == (2 * RECORDS, 2 * RECORDS)
    await visitor.picture("subscription")
    await visitor.check()


async def test_a_subscription_is_paused_resumed_and_deleted(
    visitor: Visitor, producer: AIOKafkaProducer, topic: str
) -> None:
    await subscribe(visitor, topic)
    await visitor.page.get_by_role("link", name="All subscriptions").click()
    shown = card(visitor, topic)

    await shown.get_by_role("button", name="Pause").click()
    await expect(shown).to_contain_text("paused")
    await expect(shown).to_contain_text("0 of 1")  # it may read until it has ended
    await produce(producer, topic, f"package-{topic}", 13)
    await shown.get_by_role("button", name="Resume").click()
    await expect(shown).to_contain_text("1 of 1")
    await expect(shown.locator(".facts > div").filter(has_text="Delivered")).to_contain_text(str(RECORDS))

    await visitor.picture("subscriptions")
    await visitor.check()
    await shown.get_by_role("button", name="Delete", exact=True).click()
    await shown.get_by_role("button", name="Delete it").click()
    await expect(shown).to_have_count(0)


async def test_a_subscription_that_fails_says_why_and_since_when(visitor: Visitor, stack: Stack, topic: str) -> None:
    await subscribe(visitor, topic)

    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
    await admin.start()
    await admin.delete_topics([topic])
    await admin.close()

    await expect(card(visitor, topic)).to_contain_text("failed")
    cause = visitor.page.locator(".cause")
    await expect(cause).to_contain_text(f"Topic '{topic}' is not in cluster 'my-cluster' any more.")
    await expect(cause.get_by_role("time")).to_contain_text("ago")
    await visitor.check()
    await make_topic(stack.bootstrap, topic)
    await visitor.page.get_by_role("button", name="Resume").click()
    await expect(card(visitor, topic)).to_contain_text("running")
    await expect(cause).to_be_empty()
