"""Trips, played by clicking: one that is paid, one whose card is declined, and a worker that is killed."""

import json
import uuid
from typing import Any

import pytest
from playwright.async_api import Locator, Route, expect

from devstack.stack import Stack
from tests.console.visitor import Visitor
from tests.eventually import eventually

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


async def test_a_person_decides_on_an_undo_that_keeps_failing(visitor: Visitor) -> None:
    await visitor.go("trips")
    body = visitor.page.get_by_label("Body")
    await body.fill((await body.input_value()).replace("Airport", "NO-RETURN"))  # a station that refuses cancellations
    await visitor.page.get_by_role("button", name="Book", exact=True).click()
    await expect(visitor.page.get_by_role("heading", name="Decide on: cancel car")).to_be_visible()
    await visitor.check()

    await visitor.page.get_by_role("button", name="Done by hand").click()
    decide = visitor.page.get_by_role("button", name="Decide", exact=True)

    async def is_accepted() -> bool:  # 503: the update met another event at the same moment
        async with visitor.page.expect_response("**/resolveCompensation") as answer:
            await decide.click()
        return (await answer.value).ok

    await eventually(is_accepted)
    await expect(visitor.text("Cancelled by phone.").first).to_be_visible()
    await expect(decide).to_have_count(0)
    await expect(visitor.page.locator(".mark.undone")).to_have_count(3)


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


def state(status: str, done: int, **undos: str) -> dict[str, Any]:
    """A trip with the first steps done, and its undos with their statuses, in the order in which they run."""
    compensations = [{"name": name.replace("_", " "), "status": each, "note": ""} for name, each in undos.items()]
    return {"status": status, "done": STEPS[:done], "compensations": compensations}


REFUND, CAR, FLIGHT = "↶refund payment: undone", "↶cancel car: undone", "↶cancel flight: undone"
DONE_TO_CHARGE = ["✓reserve flight: done", "✓reserve car: done", "✓charge card: done"]
LINES = {
    "a flight that is sold out leaves nothing to undo": (
        state("FAILED", 0),
        ["✕reserve flight: failed", "reserve car: not started", "charge card: not started", *NOT_STARTED],
    ),
    "a car that cannot be confirmed is on the way back": (
        state("COMPENSATING", 4, refund_payment="DONE", cancel_car="RUNNING", cancel_flight="REGISTERED"),
        [
            *DONE_TO_CHARGE,
            "✓confirm flight: done",
            "✕confirm car: failed",
            *["", ""],  # the line passes below the confirmations, which have no undo
            REFUND,
            "▶cancel car: running",
            "cancel flight: not started",
        ],
    ),
    "a stuck undo is shown and waits for a person": (
        state("COMPENSATION_STUCK", 2, refund_payment="DONE", cancel_car="STUCK", cancel_flight="DONE"),
        [
            *["✓reserve flight: done", "✓reserve car: done", "✕charge card: failed", *NOT_STARTED],
            *[REFUND, "✕cancel car: failedstuck: keeps failing", FLIGHT],
        ],
    ),
    "a cancelled trip is no failed one": (
        state("CANCELLED", 1, cancel_car="DONE", cancel_flight="DONE"),
        ["✓reserve flight: done", "■reserve car: cancelled", "charge card: not started", *NOT_STARTED, CAR, FLIGHT],
    ),
}


@pytest.mark.parametrize("what", LINES)
async def test_each_state_of_a_trip_has_its_line(visitor: Visitor, what: str) -> None:
    shown, expected = LINES[what]

    async def answer(route: Route) -> None:
        body = f"event: state\ndata: {json.dumps(shown)}\nid: 1\n\n"
        await route.fulfill(body=body, content_type="text/event-stream")

    await visitor.page.route("**/BookingWorkflow/shown/events", answer)
    await visitor.go("trips/shown")

    await expect(marks(visitor)).to_have_text([each for each in expected if each])
    await expect(visitor.page.locator(".mark.bend")).to_have_count(expected.count(""))
    stuck = visitor.page.get_by_role("heading", name="Decide on: cancel car")
    await expect(stuck).to_have_count(1 if shown["status"] == "COMPENSATION_STUCK" else 0)
    await visitor.check()
