"""Every page of the console: without errors, without another host, for everyone, and 360 px wide."""

from pathlib import Path

import httpx2
import pytest
from playwright.async_api import expect

from tests.console.visitor import Visitor

PAGES = sorted(file.stem for file in (Path(__file__).parents[2] / "api/console/pages").glob("*.js"))
ADDRESSES = {
    "invocation": "invocation/booking:none",
    "key": "key/PackageTracker/none",
    "search": "search?q=worker",
}
"""Where a page is looked at that needs more than its name."""


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_is_for_everyone(visitor: Visitor, page: str) -> None:
    await visitor.go(ADDRESSES.get(page, page))

    await visitor.check()


async def test_the_overview_counts_and_lists_and_filters(visitor: Visitor, http: httpx2.AsyncClient) -> None:
    sent = await http.post("/AsyncTaskWorker/runTask/send?delay=1h", json={"kind": "heavy_work"})
    task = sent.json()["invocationId"]

    await visitor.go("overview")

    await expect(visitor.page.get_by_role("heading", name="AsyncTaskWorker")).to_be_visible()
    await expect(visitor.page.get_by_role("link", name=task)).to_be_visible()
    await visitor.page.get_by_label("Status").select_option("COMPLETED")
    await expect(visitor.page.get_by_role("link", name=task)).to_have_count(0)
    await visitor.page.get_by_label("Status").select_option("SCHEDULED")
    await expect(visitor.page.get_by_role("link", name=task)).to_be_visible()
    await visitor.picture("overview")
    await visitor.check()


async def test_an_invocation_is_shown_live_and_cancelled(visitor: Visitor, http: httpx2.AsyncClient) -> None:
    sent = await http.post("/AsyncTaskWorker/runTask/send?delay=1h", json={"kind": "heavy_work"})
    task = sent.json()["invocationId"]

    await visitor.go(f"invocation/{task}")
    await expect(visitor.page.locator(".facts .status")).to_have_text("◷scheduled")
    await visitor.page.get_by_role("button", name="Cancel", exact=True).click()
    await visitor.page.get_by_role("button", name="Cancel it").click()

    await expect(visitor.page.get_by_role("heading", name="Why it failed")).to_be_visible()
    await expect(visitor.page.locator(".facts .status")).to_have_text("■cancelled")
    await visitor.picture("invocation")
    await visitor.check()


async def test_a_key_is_shown_as_it_changes(visitor: Visitor, http: httpx2.AsyncClient) -> None:
    await visitor.go("key/PackageTracker/shown")
    await expect(visitor.text("does not exist")).to_be_visible()

    await http.post("/PackageTracker/shown/registerPackage", json={"finalDestination": "Bridge 6, Amsterdam"})
    await expect(visitor.text("Bridge 6, Amsterdam")).to_be_visible()

    await http.post(
        "/PackageTracker/shown/updateLocation", json={"timestamp": "2024-10-10 13:00", "location": "Brussels"}
    )
    await expect(visitor.text("Brussels")).to_be_visible()


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
