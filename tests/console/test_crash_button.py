"""The crash button, by clicking: each process is killed while something runs, and the page shows how it goes on."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import httpx2
import pytest
from playwright.async_api import Browser, Locator, expect

from devstack.ports import HOST
from devstack.stack import Stack
from tests.console.visitor import NARROW, Visitor
from tests.eventually import eventually
from tests.receiver import Receiver, receiving

KILLABLE = ["workers", "gateway", "temporal"]
TRIP = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4111111111111111", "amount": 1500},
}
"""Its card is declined: the trip has three compensations."""


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
async def offering(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> AsyncIterator[Stack]:
    """A stack with the button, which starts again what is killed."""
    folder = tmp_path_factory.mktemp("crash")
    settings = {"HTTP_TASK_ALLOWED_HOSTS": json.dumps([f"{HOST}:{receiver.port}"])}
    with (folder / "log.txt").open("w") as log:
        stack = Stack.on_free_ports(
            folder / "data",
            settings,
            lambda name, line: print(f"{name:8} {line}", file=log, flush=True),
            crash_button=True,
        )
        async with stack:
            running = asyncio.create_task(stack.keep_running())
            yield stack
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@pytest.fixture
async def visitor(browser: Browser, offering: Stack) -> AsyncIterator[Visitor]:
    assert offering.control
    visitor = await Visitor.of(browser, offering.gateway_url, offering.control.url)
    yield visitor
    assert visitor.errors == visitor.elsewhere == []
    await visitor.page.context.close()


@pytest.fixture
async def http(offering: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=offering.gateway_url, timeout=60) as client:
        yield client


def process(visitor: Visitor, name: str) -> Locator:
    return visitor.page.locator(f'.processes li[data-key="{name}"]')


async def kill(visitor: Visitor, name: str) -> None:
    """Press the button, and see that the process is down."""
    await expect(process(visitor, name)).to_contain_text("up")
    await visitor.page.get_by_role("button", name=f"kill -9 {name}").click()
    await expect(visitor.text(f"Down: {name}.")).to_be_visible()
    await expect(process(visitor, name)).to_contain_text("down")


async def see_it_started_again(visitor: Visitor, name: str) -> None:
    await expect(visitor.text("All up.")).to_be_visible()
    await expect(process(visitor, name)).to_contain_text("restart")


@asynccontextmanager
async def trip_in_its_first_step(stack: Stack, http: httpx2.AsyncClient, name: str) -> AsyncIterator[str]:
    """A trip whose flight is being reserved until the end of the body: the airline's database is locked."""
    stack.processes.pause("workers")
    sent = await http.post(f"/BookingWorkflow/{name}/run/send", json=TRIP)
    with closing(sqlite3.connect(stack.data.database, isolation_level=None)) as locking:
        locking.execute("BEGIN EXCLUSIVE")
        stack.processes.resume("workers")
        yield sent.json()["invocationId"]


@pytest.mark.parametrize("name", KILLABLE)
async def test_a_trip_goes_on_where_it_was_after_a_kill(
    visitor: Visitor, offering: Stack, http: httpx2.AsyncClient, name: str
) -> None:
    async with trip_in_its_first_step(offering, http, f"killed-{name}") as trip:
        await visitor.go(f"invocation/{trip}")
        await expect(visitor.page.locator(".facts .status")).to_have_text("▶running")
        await kill(visitor, name)
    await see_it_started_again(visitor, name)

    await expect(visitor.page.get_by_role("heading", name="Outcome")).to_be_visible()
    await expect(visitor.page.locator(".facts .status")).to_have_text("✕failed")
    outcome = (await http.get(f"/invocations/{trip}/output")).json()
    undone = [each["name"] for each in outcome["compensations"] if each["status"] == "DONE"]
    assert undone == ["refund payment", "cancel car", "cancel flight"]


@pytest.mark.parametrize("name", KILLABLE)
async def test_a_message_of_the_queue_is_done_after_a_kill(
    visitor: Visitor, http: httpx2.AsyncClient, receiver: Receiver, name: str
) -> None:
    receiver.requests.clear()
    receiver.may_answer.clear()
    task = {"kind": "http_request", "payload": {"url": receiver.url}}
    sent = await http.post("/AsyncTaskWorker/runTask/send", json=task)
    await visitor.go(f"invocation/{sent.json()['invocationId']}")
    await eventually(lambda: receiver.requests)

    await kill(visitor, name)
    await see_it_started_again(visitor, name)
    await expect(visitor.page.locator(".facts .status")).to_have_text("▶running")
    receiver.may_answer.set()

    await expect(visitor.page.get_by_role("heading", name="Outcome")).to_be_visible()
    await expect(visitor.page.locator(".facts .status")).to_have_text("✓completed")
    keys = {headers["idempotency-key"] for _, headers, _ in receiver.requests}
    assert len(keys) == 1


async def test_the_processes_are_for_everyone_and_reached_by_the_keyboard(visitor: Visitor) -> None:
    await visitor.go()
    await expect(visitor.text("All up.")).to_be_visible()
    button = visitor.page.get_by_role("button", name="kill -9 workers")
    await expect(visitor.page.get_by_role("button", name="kill -9 broker")).to_have_count(0)
    listed = visitor.page.locator("tbody tr").or_(visitor.text("There are none yet: nothing was sent."))
    await expect(listed.first).to_be_visible()
    await visitor.picture("processes")
    await visitor.check()

    await button.focus()
    await visitor.page.keyboard.press("Enter")
    await expect(visitor.text("Down: workers.")).to_be_visible()
    await expect(button).to_be_focused()
    await visitor.page.keyboard.press("Enter")  # does nothing now
    await expect(visitor.text("All up.")).to_be_visible()
    await expect(visitor.page.get_by_role("status").filter(has_text="not killed")).to_have_count(0)


async def test_on_a_small_screen_the_processes_are_opened_first(visitor: Visitor) -> None:
    await visitor.page.set_viewport_size({"width": NARROW, "height": 800})
    await visitor.go()
    button = visitor.page.get_by_role("button", name="kill -9 workers")
    await expect(visitor.text("All up.")).to_be_visible()
    await expect(button).to_be_hidden()

    await visitor.text("Processes").click()

    await expect(button).to_be_in_viewport()
