"""The queue, played by clicking: delays that count down, priorities, and a task that fails for good."""

import re

from playwright.async_api import Locator, expect

from devstack.stack import Stack
from tests.console.visitor import Visitor


def rows(visitor: Visitor, heading: str) -> Locator:
    section = visitor.page.locator("section").filter(has=visitor.page.get_by_role("heading", name=heading))
    return section.get_by_role("listitem")


async def submitted(visitor: Visitor) -> str:
    """Send the form, and return the task's ID."""
    await visitor.page.get_by_role("button", name="Submit", exact=True).click()
    link = visitor.page.locator(".answer a")
    await expect(link).to_be_visible()
    return (await link.get_attribute("href") or "").removeprefix("#/invocation/").replace("%3A", ":")


def row_of(visitor: Visitor, heading: str, task: str) -> Locator:
    return rows(visitor, heading).filter(has=visitor.page.locator(f'a[title="{task}"]'))


async def test_a_delayed_task_waits_on_the_axis_and_counts_down(visitor: Visitor) -> None:
    await visitor.go("queue")
    await visitor.page.get_by_label("Delay").fill("1h")

    task = await submitted(visitor)

    row = row_of(visitor, "In the queue", task)
    await expect(row).to_contain_text("scheduled in 59 min")
    shown = await row.locator(".when").inner_text()
    await expect(row.locator(".when")).not_to_have_text(shown)
    await visitor.check()


async def test_a_task_without_a_delay_is_done(visitor: Visitor) -> None:
    await visitor.go("queue")
    await visitor.page.get_by_role("button", name="Now", exact=True).click()

    task = await submitted(visitor)

    await expect(row_of(visitor, "Ended last", task)).to_contain_text("completed")


async def test_a_task_that_fails_is_tried_again_and_then_failed(visitor: Visitor) -> None:
    await visitor.go("queue")
    await visitor.page.get_by_role("button", name="One that fails").click()

    task = await submitted(visitor)

    ended = row_of(visitor, "Ended last", task)
    await expect(ended).to_contain_text("failed")
    await expect(ended).to_contain_text("attempt 3 of 3")


async def test_a_task_waits_for_a_worker_that_was_killed(visitor: Visitor, stack: Stack) -> None:
    await visitor.go("queue")
    await stack.processes.kill("workers")
    try:
        await visitor.page.get_by_role("button", name="Now", exact=True).click()
        task = await submitted(visitor)
        await expect(row_of(visitor, "In the queue", task)).to_contain_text("running")
    finally:
        await stack.processes.start("workers")

    await expect(row_of(visitor, "Ended last", task)).to_contain_text("completed")


async def test_the_next_task_comes_first_and_shows_its_priority(visitor: Visitor) -> None:
    await visitor.go("queue")

    many = visitor.page.get_by_role("button", name="Submit ten")
    await many.click()

    await expect(many).to_be_disabled()
    await expect(many).to_be_enabled()
    await expect(
        rows(visitor, "In the queue").filter(has_text=re.compile(r"scheduled in [34]\d s")).first
    ).to_be_visible()
    places = await visitor.page.locator(".queue .dot.waiting").evaluate_all(
        "all => all.map(each => parseFloat(each.style.left))"
    )
    assert places == sorted(places)
    assert {"1", "2", "3", "4", "5"} >= set(await visitor.page.locator(".queue .priority").all_inner_texts())
    await visitor.picture("queue")
    await visitor.check()
