"""Dead letters of both kinds, played by clicking: one, a selection, and a worker that is killed."""

import uuid
from collections.abc import AsyncIterator

import httpx2
import pytest
from aiokafka import AIOKafkaProducer
from playwright.async_api import Locator, expect

from devstack.stack import Stack
from tests.brokers.fixtures import make_topic
from tests.console.visitor import Visitor

POISON = b'{"content": 5}'


@pytest.fixture
async def subscription(stack: Stack, http: httpx2.AsyncClient) -> AsyncIterator[str]:
    """One to a topic of three records that fit no handler, by the keys ann, bob and eve."""
    topic = f"poison-{uuid.uuid4().hex[:8]}"
    await make_topic(stack.bootstrap, topic)
    source = {"source": f"kafka://my-cluster/{topic}", "sink": "service://UserFeed/processPost"}
    created = (await http.post("/subscriptions", json=source)).json()["id"]
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap) as producer:
        for user in (b"ann", b"bob", b"eve"):
            await producer.send_and_wait(topic, POISON, key=user)
    yield created
    await http.delete(f"/subscriptions/{created}")


def listed(visitor: Visitor, text: str) -> Locator:
    """The rows of the letters with this text."""
    return visitor.page.locator(".letters-list > li").filter(has_text=text)


def report(visitor: Visitor) -> Locator:
    return visitor.page.locator(".report").filter(has=visitor.page.get_by_role("heading"))


async def test_a_record_shows_what_it_was_and_is_redriven(visitor: Visitor, subscription: str) -> None:
    await visitor.go(f"dead-letters?subscription={subscription}")
    await expect(listed(visitor, "SchemaMismatch")).to_have_count(3)

    bob = listed(visitor, "bob")
    await bob.locator("summary").click()
    topic = subscription.removeprefix("my-cluster.").removesuffix("-UserFeed.processPost")
    for shown in (topic, "0, 1", "reading its value", "content: Input should be a valid string", '"content": 5'):
        await expect(bob).to_contain_text(shown)
    await visitor.picture("dead-letters")
    await visitor.check()
    await bob.get_by_role("button", name="Redrive this one").click()

    await expect(report(visitor)).to_contain_text("1 redriven")
    await expect(report(visitor)).to_contain_text(f"{topic}-0-1")
    await bob.locator("summary").click()
    await expect(bob.locator(".facts > div").filter(has_text="Attempt")).to_contain_text("2")  # it is still poison


async def test_a_selection_of_records_is_redriven_although_the_worker_is_killed(
    visitor: Visitor, stack: Stack, subscription: str
) -> None:
    await visitor.go(f"dead-letters?subscription={subscription}")
    await listed(visitor, "ann").get_by_role("checkbox").check()
    await listed(visitor, "eve").get_by_role("checkbox").check()

    await visitor.page.get_by_role("button", name="Redrive 2 letters").click()
    await expect(report(visitor)).to_contain_text("2 redriven")
    await stack.processes.kill("workers")
    await stack.processes.start("workers")

    await expect(visitor.page.locator(".trouble")).to_be_empty()
    for user, attempt in (("ann", "2"), ("bob", "1"), ("eve", "2")):
        letter = listed(visitor, user)
        await expect(letter.locator(".facts > div").filter(has_text="Attempt").locator("dd")).to_have_text(attempt)
        await expect(letter).to_have_count(1)


async def test_a_selection_of_failed_tasks_runs_again_after_the_worker_is_back(
    visitor: Visitor, stack: Stack, http: httpx2.AsyncClient
) -> None:
    run = uuid.uuid4().hex[:8]
    for number in range(3):
        task = {"kind": "heavy_work", "payload": {"fail": f"no paper in {run}-{number}"}, "maxAttempts": 1}
        sent = (await http.post("/AsyncTaskWorker/runTask/send", json=task)).json()["invocationId"]
        await http.get(f"/invocations/{sent}/attach")
    await visitor.go("dead-letters?kind=tasks")
    await expect(listed(visitor, run)).to_have_count(3)

    await stack.processes.kill("workers")
    try:
        for number in (0, 2):
            await listed(visitor, f"{run}-{number}").get_by_role("checkbox").check()
        await visitor.page.get_by_role("button", name="Redrive 2 letters").click()
        await expect(report(visitor)).to_contain_text("2 redriven")
        await expect(listed(visitor, run)).to_have_count(1)
        await visitor.picture("dead-letters-report")
        await visitor.check()
    finally:
        await stack.processes.start("workers")

    await expect(listed(visitor, run)).to_have_count(3)  # they fail again: there is still no paper
    letter = listed(visitor, f"{run}-1")
    await letter.locator("summary").click()
    await expect(letter).to_contain_text(f'"fail": "no paper in {run}-1"')
    await letter.get_by_role("link", name="message-queue:").click()
    await expect(visitor.text("failed for good").first).to_be_visible()


async def test_letters_of_one_kind_are_chosen(visitor: Visitor, subscription: str) -> None:
    await visitor.go("dead-letters")
    source = visitor.page.get_by_role("heading", name=subscription.split(".")[1].removesuffix("-UserFeed"))
    await expect(source).to_be_visible()
    await expect(visitor.page.get_by_role("heading", name="Failed tasks")).to_be_visible()

    await visitor.page.get_by_label("Letters of").select_option("tasks")
    await expect(source).to_have_count(0)
    await visitor.page.get_by_label("Letters of").select_option("records")
    await expect(source).to_be_visible()
    await expect(visitor.page.get_by_role("heading", name="Failed tasks")).to_have_count(0)
