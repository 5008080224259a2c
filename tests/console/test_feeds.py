"""Transactional event processing, played by clicking: users in lanes, also when a worker is killed."""

import asyncio
import json
import re
import sys
import uuid
from urllib.parse import urlsplit

import httpx2
from playwright.async_api import Locator, Response, expect

from devstack.stack import Stack
from tests.chaos.faults import kill_and_restart
from tests.console.visitor import AFTER_A_KILL_MS, Visitor

USERS = ("userid1", "userid2", "userid3")


def lane(visitor: Visitor, user: str) -> Locator:
    return visitor.page.get_by_label(f"Posts of {user}, in order").get_by_role("listitem")


async def send_the_scene(visitor: Visitor) -> list[tuple[str, str]]:
    """Click, and return the user and the invocation of each of the seven posts, in their order."""
    sent: list[tuple[str, str]] = []

    async def note(answer: Response) -> None:
        if answer.url.endswith("/processPost/send"):
            sent.append((urlsplit(answer.url).path.split("/")[2], (await answer.json())["invocationId"]))

    visitor.page.on("response", note)
    await visitor.go("feeds/" + "/".join(USERS))
    button = visitor.page.get_by_role("button", name="Send seven posts")
    await button.click()
    await expect(button).to_be_enabled()
    assert len(sent) == 7
    return sent


async def post_of(http: httpx2.AsyncClient, invocation: str) -> dict[str, str]:
    answer = await http.get(f"/invocations/{invocation}/output")
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()
    return found


async def test_a_killed_worker_keeps_no_lane_from_its_posts_and_their_order(
    visitor: Visitor, stack: Stack, http: httpx2.AsyncClient
) -> None:
    sent = await send_the_scene(visitor)
    await expect(lane(visitor, "userid1").filter(has_text="in moderation")).to_be_visible()
    await kill_and_restart(stack.processes, "workers")

    queued = visitor.page.locator(".lane").filter(has_text=re.compile(", 0 queued"))
    await expect(queued).to_have_count(3, timeout=AFTER_A_KILL_MS)
    for user in USERS:
        posts = [await post_of(http, invocation) for owner, invocation in sent if owner == user]
        shown = [await each.locator(".id").get_attribute("title") for each in await lane(visitor, user).all()]
        assert shown[-len(posts) :] == [post["postId"] for post in posts]
    statuses = [(await post_of(http, invocation))["status"] for _, invocation in sent]
    assert statuses == ["PUBLISHED"] * 6 + ["REJECTED"]
    await expect(lane(visitor, "userid3").last).to_contain_text("rejected")
    await visitor.check()


async def test_a_slow_post_delays_its_own_lane_only(visitor: Visitor) -> None:
    await send_the_scene(visitor)

    await expect(lane(visitor, "userid1").filter(has_text="waits for its turn")).to_have_count(2)
    await expect(lane(visitor, "userid2").filter(has_text="published").first).to_be_visible()
    await visitor.picture("feeds")
    await visitor.check()


async def test_records_from_kafka_get_into_the_lanes(visitor: Visitor, stack: Stack, http: httpx2.AsyncClient) -> None:
    user = f"user-{uuid.uuid4()}"
    await visitor.go(f"feeds/{user}")
    await visitor.page.get_by_role("button", name="Subscribe", exact=True).click()
    await expect(visitor.page.locator(".said .status").first).to_have_text("▶running")
    summary = "Write the seed's records to the topic"
    await visitor.text(summary).click()
    command = await visitor.page.get_by_label(summary).text_content()
    assert command is not None

    for own, others in ((sys.executable, ".venv/bin/python"), (stack.bootstrap, "localhost:9092"), (user, "userid1")):
        assert others in command
        command = command.replace(others, own)
    process = await asyncio.create_subprocess_exec("bash", "-c", command)

    assert await process.wait() == 0
    await expect(lane(visitor, user).filter(has_text="published")).to_have_count(2, timeout=AFTER_A_KILL_MS)
    await visitor.check()


async def test_a_person_decides_on_a_post_in_review(visitor: Visitor) -> None:
    """The gateway is replaced: a post gets into review after ten minutes."""
    state = {
        "posts": [
            {"postId": "post-0", "status": "IN_REVIEW"},
            {"postId": "post-1", "status": "IN_REVIEW"},
            {"postId": "post-0", "status": "PUBLISHED"},
        ],
        "published": 1,
        "rejected": 0,
        "queued": 0,
        "inReview": ["post-1"],
        "queue": [],
        "reviewAt": None,
    }
    body = f"event: state\ndata: {json.dumps(state)}\n\n"
    decided = visitor.page.expect_request("**/UserFeed/shown/reviewPost")
    await visitor.page.route(
        "**/UserFeed/shown/events", lambda route: route.fulfill(content_type="text/event-stream", body=body)
    )
    await visitor.page.route("**/UserFeed/shown/reviewPost", lambda route: route.fulfill(json={}))
    await visitor.go("feeds/shown")
    await expect(visitor.text("1 in review")).to_be_visible()
    for number, says in enumerate(("post-0 went to a person", "post-1 a person decides", "post-0 published")):
        await expect(lane(visitor, "shown").nth(number)).to_contain_text(says)
    await visitor.check()

    async with decided as request:
        await lane(visitor, "shown").get_by_role("button", name="Publish").click()

    assert (await request.value).post_data_json == {"postId": "post-1", "approved": True}


async def test_a_page_has_four_lanes_at_most_and_its_address_has_their_users(visitor: Visitor) -> None:
    await visitor.go("feeds/a/b/c/d/e")

    lanes = visitor.page.locator(".lane")
    await expect(lanes).to_have_count(4)
    await visitor.page.get_by_role("button", name="Close the lane of d").click()
    await expect(lanes).to_have_count(3)
    assert visitor.page.url.endswith("#/feeds/b/c/e")
