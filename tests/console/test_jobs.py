"""Parallelizing work, played by clicking: a grid that fills, also when a worker is killed."""

from playwright.async_api import expect

from devstack.stack import Stack
from tests.console.visitor import AFTER_A_KILL_MS, Visitor


async def start(visitor: Visitor, preset: str) -> None:
    await visitor.go("jobs")
    await visitor.page.get_by_role("button", name=preset, exact=True).click()
    await visitor.page.get_by_role("button", name="Start", exact=True).click()


async def test_a_killed_worker_does_not_keep_the_grid_from_filling(visitor: Visitor, stack: Stack) -> None:
    done = visitor.page.locator(".cell.done")
    await start(visitor, "100, slowly")
    await expect(visitor.page.locator(".cell")).to_have_count(100)
    await expect(done.nth(9)).to_be_visible()

    await stack.processes.kill("workers")
    before = await done.count()
    await visitor.picture("jobs")
    await stack.processes.start("workers")
    assert before < 100, "it was killed too late"

    await expect(done).to_have_count(100, timeout=AFTER_A_KILL_MS)
    await expect(visitor.page.get_by_label("Subtasks")).to_have_text(
        "100 done0 failed0 running0 pendingof 100 subtasks"
    )
    gathered = ", ".join(f"slow task {number}: DONE" for number in range(1, 101))
    await expect(visitor.page.locator(".gathered")).to_have_text(gathered)
    await visitor.check()


async def test_a_failed_subtask_is_a_cell_and_a_part_of_the_result(visitor: Visitor) -> None:
    await start(visitor, "One fails")

    await expect(visitor.page.locator(".cell.failed")).to_contain_text("fail to shave: failed")
    await expect(visitor.page.locator(".gathered")).to_contain_text(
        "slowly have breakfast: DONE, fail to shave: FAILED"
    )
    await expect(visitor.page.locator(".cell.done")).to_have_count(4)
    await visitor.check()


async def test_a_job_that_stops_shows_what_was_cancelled_and_why(visitor: Visitor) -> None:
    await start(visitor, "Stop when one fails")

    await expect(visitor.text("The job was stopped by a failed subtask")).to_be_visible()
    await expect(visitor.page.locator(".cell.failed")).to_have_count(1)
    await expect(visitor.page.locator(".cell.running")).to_have_count(0)
    await visitor.check()


async def test_a_large_job_has_a_cell_for_each_batch_and_its_address_shows_it_again(visitor: Visitor) -> None:
    await start(visitor, "10,000")

    await expect(visitor.page.get_by_label("Subtasks")).to_contain_text("of 10,000 subtasks, in 100 batches")
    await expect(visitor.page.locator(".cell.done")).to_have_count(100)
    await visitor.page.reload()
    await expect(visitor.page.locator(".cell.done")).to_have_count(100)
    await expect(visitor.page.get_by_label("Each of them").get_by_role("listitem").last).to_have_attribute(
        "title", "subtasks 9901 to 10000: done"
    )
    await visitor.check()
