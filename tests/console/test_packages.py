"""Packages, played by clicking: either stream first, a worker that is killed, and a location that comes late."""

import uuid

import httpx2
from aiokafka import AIOKafkaProducer
from playwright.async_api import Locator, expect

from devstack.stack import Stack
from tests.console.visitor import Visitor

TOPIC = "package-location-updates"
PARIS = b'{"timestamp": "2024-10-10 13:00", "location": "Pinetree Road 5, Paris"}'


def form(visitor: Visitor, name: str) -> Locator:
    return visitor.page.get_by_role("form", name=name)


def joined(visitor: Visitor) -> Locator:
    return visitor.page.locator(".joined")


def stops(visitor: Visitor) -> Locator:
    return visitor.page.get_by_label("Locations, in the order").locator("strong")


async def locate_in_brussels(visitor: Visitor) -> str:
    """Send the location of a new package. Return the package."""
    package = f"package-{uuid.uuid4().hex[:8]}"
    update = form(visitor, "Update its location")
    await update.get_by_role("button", name="Brussels").click()
    await update.get_by_label("Package").fill(package)
    await update.get_by_role("button", name="Update", exact=True).click()
    await expect(visitor.page.get_by_role("heading", name="Latest locations")).to_be_visible()
    return package


async def test_locations_wait_for_a_registration_that_a_killed_worker_delays(visitor: Visitor, stack: Stack) -> None:
    await visitor.go("packages")
    package = await locate_in_brussels(visitor)
    await expect(joined(visitor)).to_contain_text("waits for its registration")
    await expect(joined(visitor)).to_contain_text("1 location waits. Given up in 6 d 23 h without it.")
    await expect(stops(visitor)).to_have_text(["Mountain Road 155, Brussels"])

    await stack.processes.kill("workers")
    try:
        await form(visitor, "Register the package").get_by_role("button", name="Register").click()
        await expect(visitor.page.locator(".trouble")).to_contain_text("Trying again.")
        await expect(joined(visitor)).to_contain_text("waits for its registration")
    finally:
        await stack.processes.start("workers")

    await expect(joined(visitor)).to_contain_text("Mountain Road 155, Brussels on its way to Bridge 6, Amsterdam.")
    await expect(visitor.page.locator(".trouble")).to_be_empty()
    await expect(stops(visitor)).to_have_text(["Mountain Road 155, Brussels", "Bridge 6, Amsterdam"])
    await visitor.page.get_by_role("link", name="All packages").click()
    await expect(visitor.page.get_by_role("row").filter(has_text=package)).to_contain_text("registered")


async def test_a_record_that_comes_late_from_kafka_is_put_where_its_time_belongs(
    visitor: Visitor, stack: Stack, http: httpx2.AsyncClient
) -> None:
    source = {"source": f"kafka://my-cluster/{TOPIC}", "sink": "service://PackageTracker/updateLocation"}
    assert (await http.post("/subscriptions", json=source)).status_code == 201
    await visitor.go("packages")
    package = await locate_in_brussels(visitor)
    await form(visitor, "Register the package").get_by_role("button", name="Register").click()
    await expect(joined(visitor)).to_contain_text("joined")

    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap) as producer:
        await producer.send_and_wait(TOPIC, PARIS, key=package.encode())

    places = ["Pinetree Road 5, Paris", "Mountain Road 155, Brussels", "Bridge 6, Amsterdam"]
    await expect(stops(visitor)).to_have_text(places)
    await expect(visitor.page.get_by_role("listitem").filter(has_text="Paris")).to_contain_text("came late")
    await expect(joined(visitor)).to_contain_text("Mountain Road 155, Brussels on its way")
    await visitor.picture("packages")
    await visitor.check()


async def test_a_registered_package_waits_for_its_first_location(visitor: Visitor) -> None:
    package = f"package-{uuid.uuid4().hex[:8]}"
    await visitor.go(f"packages/{package}")
    await expect(visitor.text("Neither stream has a message")).to_be_visible()

    await form(visitor, "Register the package").get_by_role("button", name="Register").click()

    await expect(joined(visitor)).to_contain_text("waits for its first location")
    await form(visitor, "Update its location").get_by_role("button", name="Update", exact=True).click()
    await expect(joined(visitor)).to_contain_text("Pinetree Road 5, Paris on its way to Bridge 6, Amsterdam.")
