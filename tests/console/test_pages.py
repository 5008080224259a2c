"""Every page of the console: without errors, without another host, for everyone, and 360 px wide."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import Route, expect

from devstack.stack import Stack
from tests.console.visitor import NARROW, Visitor
from tests.eventually import eventually

PAGES = sorted(file.stem for file in (Path(__file__).parents[2] / "api/console/pages").glob("*.js"))
ADDRESSES = {
    "invocation": "invocation/booking:none",
    "key": "key/PackageTracker/none",
    "search": "search?q=worker",
}
"""Where a page is looked at that needs more than its name."""

TRIP = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4111111111111111", "amount": 1500},
}
FAILURE = {"type": "customer.subscription_created", "created": 1633025000, "data": {"id": "evt_1", "customer": "cus_1"}}
PACKAGE = {"finalDestination": "Bridge 6, Amsterdam"}
ONE_OF_EACH: dict[str, Any] = {
    "/BookingWorkflow/trip12/run/send": TRIP,
    "/PaymentTracker/invoice123/onPaymentFailure/send": FAILURE,
    "/FanOutWorker/run/send": {"description": "get out of bed,shower,make coffee,have breakfast"},
    "/UserFeed/userid1/processPost/send": {
        "content": "Hi! This is my new post!",
        "metadata": "Public, on the home page",
    },
    "/PackageTracker/package1/registerPackage/send": PACKAGE,
}


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_is_for_everyone(visitor: Visitor, page: str) -> None:
    await visitor.go(ADDRESSES.get(page, page))

    await visitor.check()


async def test_the_overview_counts_and_lists_and_filters(visitor: Visitor, http: httpx2.AsyncClient) -> None:
    for path, body in ONE_OF_EACH.items():
        assert (await http.post(path, json=body)).is_success
    sent = await http.post("/AsyncTaskWorker/runTask/send?delay=1h", json={"kind": "heavy_work"})
    task = sent.json()["invocationId"]

    await visitor.go("overview")

    await expect(visitor.page.get_by_role("heading", name="AsyncTaskWorker")).to_be_visible()
    await expect(visitor.page.get_by_role("link", name=task)).to_be_visible()
    await visitor.page.get_by_label("Status").select_option("COMPLETED")
    await expect(visitor.page.get_by_role("link", name=task)).to_have_count(0)
    await visitor.page.get_by_label("Status").select_option("SCHEDULED")
    await expect(visitor.page.get_by_role("link", name=task)).to_be_visible()
    await visitor.page.get_by_label("Status").select_option("any")
    await expect(visitor.page.get_by_role("link", name="UserFeed userid1").first).to_be_visible()
    for name in ("Queue AsyncTaskWorker", "Fan-out FanOutWorker"):
        await expect(visitor.page.get_by_role("heading", name=name).get_by_role("link")).to_be_visible()
    await visitor.picture("overview")
    await visitor.check()


async def test_the_list_goes_on_after_a_condition_that_cannot_be_read(
    visitor: Visitor, http: httpx2.AsyncClient
) -> None:
    await http.post("/PackageTracker/listed/registerPackage", json=PACKAGE)
    await visitor.go("overview?key=listed&since=yesterday")
    await expect(visitor.text("query.since")).to_be_visible()

    await visitor.page.get_by_label("Started since").fill("2024-01-01 00:00")
    await visitor.page.keyboard.press("Enter")

    await expect(visitor.page.get_by_role("link", name="PackageTracker listed")).to_be_visible()
    assert "key=listed" in visitor.page.url


async def test_pages_of_the_list_are_turned(visitor: Visitor, http: httpx2.AsyncClient) -> None:
    for _ in range(26):
        await http.post("/AsyncTaskWorker/runTask/send?delay=2h", json={"kind": "heavy_work"})
    await visitor.go("overview?service=AsyncTaskWorker&status=SCHEDULED")
    rows = visitor.page.get_by_role("row")

    await expect(rows).to_have_count(1 + 25)
    newest = rows.nth(1).get_by_role("link").first
    first = await newest.inner_text()
    await visitor.page.get_by_role("button", name="Next page").click()
    await expect(visitor.text("Page 2")).to_be_visible()
    await expect(newest).not_to_have_text(first)
    await visitor.page.get_by_role("button", name="First page").click()
    await expect(newest).to_have_text(first)


async def test_an_invocation_is_shown_live_and_cancelled(visitor: Visitor, http: httpx2.AsyncClient) -> None:
    sent = await http.post("/AsyncTaskWorker/runTask/send?delay=1h", json={"kind": "heavy_work"})
    task = sent.json()["invocationId"]

    await visitor.go(f"invocation/{task}")
    await expect(visitor.page.locator(".facts .status")).to_have_text("◷scheduled")
    await visitor.page.get_by_role("button", name="Cancel", exact=True).click()
    await visitor.page.get_by_role("button", name="Cancel it").click()

    await expect(visitor.page.get_by_role("heading", name="Outcome")).to_be_visible()
    await expect(visitor.page.locator(".facts .status")).to_have_text("■cancelled")
    await visitor.picture("invocation")
    await visitor.check()


async def test_a_key_is_shown_as_it_changes(visitor: Visitor, http: httpx2.AsyncClient) -> None:
    await visitor.go("key/PackageTracker/shown")
    await expect(visitor.text("does not exist")).to_be_visible()

    await http.post("/PackageTracker/shown/registerPackage", json=PACKAGE)
    await expect(visitor.text("Bridge 6, Amsterdam")).to_be_visible()

    await http.post(
        "/PackageTracker/shown/updateLocation", json={"timestamp": "2024-10-10 13:00", "location": "Brussels"}
    )
    await expect(visitor.text("Brussels")).to_be_visible()


async def test_the_page_goes_on_after_the_gateway_was_killed(
    visitor: Visitor, stack: Stack, http: httpx2.AsyncClient
) -> None:
    package = {"timestamp": "2024-10-10 13:00", "location": "Brussels"}
    await http.post("/PackageTracker/lost/registerPackage", json={"finalDestination": "Paris"})
    await visitor.go("key/PackageTracker/lost")
    await expect(visitor.text("Paris")).to_be_visible()

    await stack.processes.kill("gateway")
    try:
        await expect(visitor.page.locator(".trouble")).to_contain_text("Trying again.")
        await expect(visitor.text("Paris")).to_be_visible()
    finally:
        await stack.processes.start("gateway")
    await eventually(lambda: posted(http, "/PackageTracker/lost/updateLocation", package))

    await expect(visitor.text("Brussels")).to_be_visible()
    await expect(visitor.page.locator(".trouble")).to_be_empty()


async def posted(http: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> bool:
    """Whether the gateway has taken it: a connection of the killed one may be used once more."""
    try:
        return (await http.post(path, json=body)).is_success
    except httpx2.TransportError:
        return False


async def test_what_is_searched_is_found_by_id_by_key_and_by_service(
    visitor: Visitor, http: httpx2.AsyncClient
) -> None:
    sent = await http.post("/AsyncTaskWorker/runTask/send?delay=1h", json={"kind": "heavy_work"})
    task = sent.json()["invocationId"]
    await visitor.go()

    for text, found in ((task, task), ("feed", "UserFeed")):
        await visitor.page.keyboard.press("Escape")
        await visitor.page.get_by_role("searchbox").fill(text)
        await visitor.page.keyboard.press("Enter")
        await expect(visitor.page.get_by_role("main").get_by_role("link", name=found)).to_be_visible()


async def test_a_short_list_says_that_there_are_more_and_leads_to_all(visitor: Visitor) -> None:
    trips = [{"key": f"trip-{number}", "status": "COMPLETED", "patternStatus": "BOOKED"} for number in range(12)]

    async def answer(route: Route) -> None:
        await route.fulfill(json={"executions": trips, "next": {"cursor": "of the thirteenth"}})

    await visitor.page.route("**/BookingWorkflow?limit=12", answer)
    await visitor.go("trips")
    await expect(visitor.text("The 12 that started last.")).to_be_visible()

    await visitor.page.get_by_role("link", name="All of them").click()

    await expect(visitor.page.get_by_label("Service")).to_have_value("BookingWorkflow")


async def test_the_longest_key_does_not_make_a_page_wider(visitor: Visitor) -> None:
    await visitor.page.set_viewport_size({"width": NARROW, "height": 800})
    for place in ("trips", "invoices", "feeds", "packages", "key/UserFeed"):
        await visitor.go(f"{place}/{'k' * 200}")
        await expect(visitor.page.get_by_role("main").get_by_text("k" * 200).first).to_be_visible()
        assert await visitor.page.evaluate("document.documentElement.scrollWidth") <= NARROW, place


async def test_the_keyboard_reaches_search_and_content(visitor: Visitor) -> None:
    await visitor.go()

    await visitor.page.keyboard.press("/")
    await expect(visitor.page.get_by_role("searchbox")).to_be_focused()
    await visitor.page.get_by_role("searchbox").blur()
    await visitor.page.evaluate("document.body.focus()")

    await visitor.page.get_by_role("link", name="Skip to the content").focus()
    await expect(visitor.page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()


async def test_the_chosen_theme_is_kept(visitor: Visitor) -> None:
    await visitor.go()
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await visitor.page.evaluate(ground)

    await visitor.page.get_by_role("button", name="Theme").click()
    await visitor.page.get_by_role("button", name="Theme: light").click()
    await expect(visitor.page.get_by_role("button", name="Theme: dark")).to_be_visible()
    await visitor.page.reload()

    assert await visitor.page.evaluate(ground) != light
