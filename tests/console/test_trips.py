"""Trips, played by clicking: one that is paid, one whose card is declined, and a worker that is killed."""

import uuid

from playwright.async_api import Locator, expect

from devstack.stack import Stack
from tests.console.visitor import Visitor

STEPS = ["reserve flight", "reserve car", "charge card", "confirm flight", "confirm car"]
NOT_STARTED = ["confirm flight: not started", "confirm car: not started"]
UNDONE = ["↶refund payment: undone", "↶cancel car: undone", "↶cancel flight: undone"]


def marks(visitor: Visitor) -> Locator:
    return visitor.page.get_by_label("Steps of the trip").get_by_role("listitem")


async def book(visitor: Visitor, card: str) -> str:
    """Fill the form in and send it. Return the trip."""
    trip = f"trip-{uuid.uuid4().hex[:8]}"
    await visitor.page.get_by_role("button", name=card).click()
    await visitor.page.get_by_label("Trip", exact=True).fill(trip)
    await visitor.page.get_by_role("button", name="Book", exact=True).click()
    await expect(visitor.page.get_by_role("heading", name=f"Trip {trip}")).to_be_visible()
    return trip


async def test_a_trip_that_is_paid_is_a_line_to_its_end(visitor: Visitor) -> None:
    await visitor.go("trips")

    trip = await book(visitor, "A card that pays")

    await expect(marks(visitor)).to_have_text([f"✓{step}: done" for step in STEPS])
    await expect(visitor.text("1500 cents, card **** 4242")).to_be_visible()
    await expect(visitor.page.get_by_role("main").get_by_role("link", name=trip, exact=True)).to_be_visible()


async def test_a_declined_card_turns_the_line_back(visitor: Visitor) -> None:
    await visitor.go("trips")

    await book(visitor, "A card that is declined")

    await expect(visitor.text("Failed to reserve the trip").first).to_be_visible()
    done = ["✓reserve flight: done", "✓reserve car: done", "✕charge card: failed"]
    await expect(marks(visitor)).to_have_text([*done, *NOT_STARTED, *UNDONE])
    await visitor.picture("trips")
    await visitor.check()


async def test_a_trip_goes_on_where_it_was_after_its_worker_is_killed(visitor: Visitor, stack: Stack) -> None:
    await visitor.go("trips")
    await stack.processes.kill("workers")
    try:
        await book(visitor, "A card that is declined")
        await expect(visitor.page.locator(".mark.undone")).to_have_count(0)
    finally:
        await stack.processes.start("workers")

    await expect(visitor.page.locator(".mark.undone")).to_have_count(3)
    await expect(visitor.text("Failed to reserve the trip").first).to_be_visible()


async def test_the_form_shows_the_command_that_sends_the_same(visitor: Visitor) -> None:
    await visitor.go("trips")
    await visitor.page.get_by_text("The same with curl").click()

    await visitor.page.get_by_label("Trip", exact=True).fill("it's a trip")

    command = visitor.page.get_by_label("The same with curl")
    await expect(command).to_contain_text(f"'{visitor.url}/BookingWorkflow/it'\\''s%20a%20trip/run/send'")


async def test_what_the_gateway_refuses_is_said_field_by_field(visitor: Visitor) -> None:
    await visitor.go("trips")
    await visitor.page.get_by_label("Body").fill('{"flights": {}}')

    await visitor.page.get_by_role("button", name="Book", exact=True).click()

    await expect(visitor.page.get_by_role("alert")).to_contain_text("flights.flightId")
    await visitor.check()
