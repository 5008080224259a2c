"""Tasks that failed for good: listed page by page, redriven only if they failed."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from temporalio.client import Client
from temporalio.common import ActivityIDReusePolicy

from devstack.stack import Stack
from domain.message_queue import MESSAGE_QUEUE
from tests.eventually import eventually
from workflows.search_attributes import attributes

PATH = "/AsyncTaskWorker/deadLetters"
FAILING = {"kind": "heavy_work", "payload": {"fail": "the disk is full"}, "maxAttempts": 1}


@pytest.fixture
async def client(stack: Stack) -> Client:
    return await Client.connect(stack.temporal_address, data_converter=stack.converter)


async def failed_task(http: httpx2.AsyncClient) -> str:
    failed = await http.post("/AsyncTaskWorker/runTask", json=FAILING)
    assert failed.status_code == 409, failed.text
    invocation_id: str = failed.json()["invocationId"]
    return invocation_id


async def redriven_and_waiting(client: Client, invocation_id: str) -> None:
    """Start a failed task again, so that it does not fail before the test has ended."""
    await client.start_activity(
        "heavy_work",
        None,
        id=invocation_id,
        task_queue=MESSAGE_QUEUE.task_queue,
        start_to_close_timeout=timedelta(seconds=10),
        start_delay=timedelta(hours=1),
        id_reuse_policy=ActivityIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        search_attributes=attributes(MESSAGE_QUEUE, MESSAGE_QUEUE.key_of(invocation_id)),
    )


async def page(http: httpx2.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await http.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


async def all_pages(http: httpx2.AsyncClient, limit: int) -> list[str]:
    ids, following = list[str](), dict[str, str]()
    while True:
        read = await page(http, limit=limit, **following)
        assert len(read["deadLetters"]) <= limit
        ids += [letter["invocationId"] for letter in read["deadLetters"]]
        if read["next"] is None:
            return ids
        following = read["next"]


async def listed(http: httpx2.AsyncClient, *invocation_ids: str) -> None:
    async def are() -> bool:
        return {*invocation_ids} <= {*await all_pages(http, 200)}

    await eventually(are)


async def test_redriven_tasks_hide_no_older_ones(http: httpx2.AsyncClient, client: Client) -> None:
    older = [await failed_task(http) for _ in range(2)]
    newer = [await failed_task(http) for _ in range(3)]
    await listed(http, *older, *newer)
    for invocation_id in newer:
        await redriven_and_waiting(client, invocation_id)
    first = await page(http, limit=2)
    assert [letter["invocationId"] for letter in first["deadLetters"]] == older[::-1]


@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_the_pages_have_every_task_once_and_the_last_failed_first(http: httpx2.AsyncClient, limit: int) -> None:
    tasks = await asyncio.gather(*(failed_task(http) for _ in range(5)))
    await listed(http, *tasks)
    ids = await all_pages(http, limit)
    assert len(ids) == len({*ids})
    assert {*tasks} == {*ids[:5]}


async def test_the_last_page_has_no_next_one_though_redriven_tasks_come_after_it(
    http: httpx2.AsyncClient, client: Client
) -> None:
    waiting = await all_pages(http, 200)
    for invocation_id in waiting:
        await redriven_and_waiting(client, invocation_id)
    task = await failed_task(http)
    await listed(http, task)
    read = await page(http, limit=1)
    assert ([letter["invocationId"] for letter in read["deadLetters"]], read["next"]) == ([task], None)


async def test_a_task_that_failed_again_is_listed_once(http: httpx2.AsyncClient) -> None:
    task = await failed_task(http)
    await listed(http, task)
    assert (await http.post(f"{PATH}/{task}/redrive")).status_code == 202
    assert (await http.get(f"/invocations/{task}/attach")).status_code == 409
    await listed(http, task)
    assert (await all_pages(http, 1)).count(task) == 1


async def test_a_page_ends_when_its_tasks_are_large_together(http: httpx2.AsyncClient) -> None:
    large = FAILING | {"payload": {"fail": "too large", "filler": "x" * 1_000_000}}
    tasks = [(await http.post("/AsyncTaskWorker/runTask", json=large)).json()["invocationId"] for _ in range(12)]
    await listed(http, *tasks)
    first = await page(http, limit=200)
    assert {letter["invocationId"] for letter in first["deadLetters"]} < {*tasks}
    assert len(str(first)) < 10_000_000
    second = await page(http, limit=200, **first["next"])
    both = [letter["invocationId"] for letter in (*first["deadLetters"], *second["deadLetters"])]
    assert {*both[:12]} == {*tasks}


@pytest.mark.parametrize(
    "query", ["cursor=", "cursor=x", "cursor=2026-01-01~a", "limit=0", "limit=201", "limt=3", "next=x"]
)
async def test_a_bad_query_is_refused(http: httpx2.AsyncClient, query: str) -> None:
    answer = await http.get(f"{PATH}?{query}")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:problem:invalid-request")
    [error] = answer.json()["errors"]
    assert error["field"] == f"query.{query.partition('=')[0]}"


async def refused(http: httpx2.AsyncClient, invocation_id: str, status: str) -> None:
    answer = await http.post(f"{PATH}/{invocation_id}/redrive")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:not-failed"), answer.text
    assert status in answer.json()["detail"]
    assert (await http.get(f"/invocations/{invocation_id}")).json()["status"] == status


async def sent(http: httpx2.AsyncClient, delay: str = "0s") -> str:
    answer = await http.post("/AsyncTaskWorker/runTask/send", params={"delay": delay}, json={"kind": "heavy_work"})
    invocation_id: str = answer.json()["invocationId"]
    return invocation_id


async def ended(http: httpx2.AsyncClient, invocation_id: str) -> None:
    async def has() -> bool:
        return (await http.get(f"/invocations/{invocation_id}")).json()["finishedAt"] is not None

    await eventually(has)


async def test_a_task_that_waits_for_its_delay_is_not_redriven(http: httpx2.AsyncClient) -> None:
    await refused(http, await sent(http, "1h"), "SCHEDULED")


async def test_a_cancelled_task_is_not_redriven(http: httpx2.AsyncClient) -> None:
    task = await sent(http, "1h")
    assert (await http.delete(f"/invocations/{task}")).status_code == 202
    await ended(http, task)
    await refused(http, task, "CANCELLED")


async def test_a_terminated_task_is_not_redriven(http: httpx2.AsyncClient, client: Client) -> None:
    task = await sent(http, "1h")
    await client.get_activity_handle(task).terminate()
    await ended(http, task)
    await refused(http, task, "TERMINATED")


async def test_a_completed_task_is_not_redriven(http: httpx2.AsyncClient) -> None:
    task = await sent(http)
    assert (await http.get(f"/invocations/{task}/attach")).status_code == 200
    await refused(http, task, "COMPLETED")


async def test_a_task_that_was_redriven_is_not_redriven_again(http: httpx2.AsyncClient, client: Client) -> None:
    task = await failed_task(http)
    await redriven_and_waiting(client, task)
    await refused(http, task, "SCHEDULED")


SECRET = "8f14e45fceea167a"
WITH_SECRETS = {
    "url": f"https://ann:{SECRET}@not-allowed.example/hook/{SECRET}{SECRET}?token={SECRET}#{SECRET}",
    "method": "PUT",
    "headers": {"Authorization": f"Bearer {SECRET}", "X-Key": {"secret": "PARTNER_TOKEN"}},
    "body": {"order": 7},
}
REDACTED = {
    "url": "https://***@not-allowed.example/hook/***?***",
    "method": "PUT",
    "headers": {"Authorization": "***", "X-Key": {"secret": "PARTNER_TOKEN"}},
    "body": {"order": 7},
}


async def test_the_secrets_of_a_request_are_shown_nowhere(http: httpx2.AsyncClient, client: Client) -> None:
    failed = await http.post("/AsyncTaskWorker/runTask", json={"kind": "http_request", "payload": WITH_SECRETS})
    assert failed.status_code == 409, failed.text
    task: str = failed.json()["invocationId"]
    await listed(http, task)
    letters = (await page(http, limit=200))["deadLetters"]
    assert [letter["payload"] for letter in letters if letter["invocationId"] == task] == [REDACTED]
    answers = [failed, *[await http.get(f"/invocations/{task}{path}") for path in ("", "/output", "/attach")]]
    answers += [await http.get(PATH), await http.post(f"{PATH}/{task}/redrive")]
    assert not [answer.text for answer in answers if SECRET in answer.text]
    sent = await (await client.get_activity_handle(task).describe(include_input=True)).input()
    assert sent == [WITH_SECRETS], "a redriven task has its whole payload"
