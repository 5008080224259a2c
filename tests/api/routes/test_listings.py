"""Lists of executions: each one once, whatever moves between pages."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from api.invokers import executions as listing
from api.invokers.executions import executions
from api.invokers.selection import Selection
from devstack.stack import Stack
from domain.booking import BOOKING
from domain.fan_out import FAN_OUT
from domain.message_queue import MESSAGE_QUEUE
from domain.package_tracker import PACKAGE_TRACKER
from domain.pattern import Pattern
from tests.eventually import eventually
from workflows.search_attributes import attributes

NO_WORKER = "no worker polls this queue"


@workflow.defn(name="ListedWorkflow", sandboxed=False)
class ListedWorkflow:
    """Continues as new when asked to."""

    def __init__(self) -> None:
        self._again = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._again)
        workflow.continue_as_new(search_attributes=workflow.info().typed_search_attributes)

    @workflow.signal
    def again(self) -> None:
        self._again = True


@pytest.fixture
async def client(stack: Stack) -> Client:
    return await Client.connect(stack.temporal_address, data_converter=stack.converter)


@pytest.fixture
async def started(client: Client) -> AsyncIterator[list[WorkflowHandle[Any, Any]]]:
    """What a test starts, which no worker runs; terminated in the end."""
    handles: list[WorkflowHandle[Any, Any]] = []
    yield handles
    for handle in handles:
        await terminated(handle)


async def terminated(handle: WorkflowHandle[Any, Any]) -> None:
    if (await handle.describe()).close_time is None:
        await handle.terminate()


async def start(client: Client, pattern: Pattern, key: str, queue: str = NO_WORKER) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        "ListedWorkflow",
        id=pattern.execution_id(key),
        task_queue=queue,
        search_attributes=attributes(pattern, key),
    )


async def page(http: httpx2.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await http.get("/invocations", params=query)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


async def all_of(http: httpx2.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    found, following = list[dict[str, Any]](), dict[str, str]()
    while True:
        read = await page(http, **{**query, **following})
        found += read["executions"]
        if read["next"] is None:
            return found
        following = read["next"]


async def keys(http: httpx2.AsyncClient, **query: Any) -> list[str]:
    return [each["key"] for each in await all_of(http, **query)]


async def is_listed(http: httpx2.AsyncClient, key: str, **query: Any) -> bool:
    return key in await keys(http, key=key, **query)


async def test_what_was_there_at_the_first_page_is_on_one_page_while_others_start_and_end(
    client: Client, http: httpx2.AsyncClient, started: list[WorkflowHandle[Any, Any]]
) -> None:
    since, run = datetime.now(UTC), uuid.uuid4().hex[:8]
    started += [await start(client, BOOKING, f"{run}-{n}") for n in range(30)]
    await eventually(lambda: is_listed(http, f"{run}-29"))
    query = {"service": "BookingWorkflow", "since": since.isoformat(), "limit": 4}

    found, following, pages = list[str](), dict[str, str](), 0
    while True:
        read = await page(http, **{**query, **following})
        found += [each["key"] for each in read["executions"] if each["key"].startswith(run)]
        if read["next"] is None:
            break
        following, pages = read["next"], pages + 1
        await started[(pages * 7) % 30].terminate()  # one that was listed, or one that will be
        started.append(await start(client, BOOKING, f"{run}-new-{pages}"))

    assert found == [f"{run}-{n}" for n in reversed(range(30))]


async def test_an_entity_that_continues_as_new_between_pages_is_listed_once(
    client: Client, http: httpx2.AsyncClient, started: list[WorkflowHandle[Any, Any]]
) -> None:
    since, run = datetime.now(UTC), uuid.uuid4().hex[:8]
    async with Worker(client, task_queue=f"listed-{run}", workflows=[ListedWorkflow]):
        started += [await start(client, PACKAGE_TRACKER, f"{run}-{n}", f"listed-{run}") for n in range(3)]
        await eventually(lambda: is_listed(http, f"{run}-2"))
        query = {"service": "PackageTracker", "since": since.isoformat(), "limit": 1}
        first = await page(http, **query)
        for each in started:
            await each.signal(ListedWorkflow.again)

        async def all_continued() -> bool:
            latest = f"WorkflowId STARTS_WITH 'package-tracker:{run}' AND ExecutionStatus = 'Running'"
            running = client.list_workflows(latest)
            return not {each.first_execution_run_id for each in started} & {each.run_id async for each in running}

        await eventually(all_continued)
        rest = await all_of(http, **query, **first["next"])

    listed = [each["key"] for each in [*first["executions"], *rest]]
    assert [key for key in listed if key.startswith(run)] == [f"{run}-2", f"{run}-1", f"{run}-0"]
    assert {each["status"] for each in rest} == {"RUNNING"}


async def test_more_than_a_window_can_hold_are_read_in_smaller_ones(
    client: Client, http: httpx2.AsyncClient, started: list[WorkflowHandle[Any, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    since, run = datetime.now(UTC), uuid.uuid4().hex[:8]
    started += await asyncio.gather(*(start(client, FAN_OUT, f"{run}-{n}") for n in range(20)))

    async def all_are_listed() -> bool:
        listed = await keys(http, service="FanOutWorker", since=since.isoformat())
        return {f"{run}-{n}" for n in range(20)} <= {*listed}

    await eventually(all_are_listed)
    monkeypatch.setattr(listing, "MAX_WINDOW", 3)

    found, position = list[str](), None
    while True:
        read = await executions(client, Selection((FAN_OUT,), since=since), position, 7)
        found += [each.id for each in read.executions if run in each.id]
        if (position := read.next) is None:
            break

    assert sorted(found) == sorted(FAN_OUT.execution_id(f"{run}-{n}") for n in range(20))


@pytest.mark.parametrize("key", ["it's", 'say "hello"', "back\\slash", "100%_of", "déjà vu"])
async def test_a_key_of_any_form_finds_itself_only(
    client: Client, http: httpx2.AsyncClient, started: list[WorkflowHandle[Any, Any]], key: str
) -> None:
    own = f"{key} {uuid.uuid4().hex[:8]}"
    started += [await start(client, BOOKING, own), await start(client, BOOKING, f"{own}x")]

    await eventually(lambda: is_listed(http, own))
    await eventually(lambda: is_listed(http, f"{own}x"))

    assert await keys(http, key=own) == [own]


async def test_a_status_is_searched_for_and_shown(
    client: Client, http: httpx2.AsyncClient, started: list[WorkflowHandle[Any, Any]]
) -> None:
    key = uuid.uuid4().hex
    started.append(await start(client, BOOKING, key))
    await eventually(lambda: is_listed(http, key, status="RUNNING"))
    assert not await is_listed(http, key, status="TERMINATED")

    await started[0].terminate()

    await eventually(lambda: is_listed(http, key, status="TERMINATED"))
    assert not await is_listed(http, key, status="RUNNING")
    listed = (await page(http, key=key, service="BookingWorkflow"))["executions"][0]
    assert listed["invocationId"] == f"booking:{key}"
    assert listed["status"] == "TERMINATED"
    assert listed["finishedAt"] is not None


async def test_a_task_and_a_message_that_are_delayed_are_scheduled(http: httpx2.AsyncClient) -> None:
    task = await http.post("/AsyncTaskWorker/runTask/send?delay=1h", json={"kind": "heavy_work"})
    package = uuid.uuid4().hex
    body = {"finalDestination": "Paris"}
    message = await http.post(f"/PackageTracker/{package}/registerPackage/send?delay=1h", json=body)

    key = MESSAGE_QUEUE.key_of(task.json()["invocationId"])
    await eventually(lambda: is_listed(http, key, status="SCHEDULED"))
    await eventually(lambda: is_listed(http, package, status="SCHEDULED"))

    [listed] = await all_of(http, key=package)
    assert listed["invocationId"] == message.json()["invocationId"]
    assert not await is_listed(http, key, status="RUNNING")


async def test_what_started_before_since_is_left_out(
    client: Client, http: httpx2.AsyncClient, started: list[WorkflowHandle[Any, Any]]
) -> None:
    key = uuid.uuid4().hex
    started.append(await start(client, BOOKING, key))
    await eventually(lambda: is_listed(http, key))
    [listed] = (await page(http, key=key))["executions"]
    at = datetime.fromisoformat(listed["startedAt"])

    assert await is_listed(http, key, since=at.isoformat())
    assert not await is_listed(http, key, since=(at + timedelta(microseconds=1)).isoformat())


async def test_nothing_is_listed_where_nothing_matches(http: httpx2.AsyncClient) -> None:
    assert await page(http, key=uuid.uuid4().hex) == {"executions": [], "next": None}


async def test_counts_have_each_service_and_its_statuses(
    client: Client, http: httpx2.AsyncClient, started: list[WorkflowHandle[Any, Any]]
) -> None:
    async def running() -> int:
        counted = {each["service"]: each["counts"] for each in (await http.get("/invocations/counts")).json()}
        assert len(counted) == 6
        return int(counted["FanOutWorker"].get("RUNNING", 0))

    before = await running()
    started.append(await start(client, FAN_OUT, uuid.uuid4().hex))

    async def counted() -> bool:
        return await running() == before + 1

    await eventually(counted)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"service": "Booking"}, "query.service"),
        ({"status": "PAUSED"}, "query.status"),
        ({"status": "running"}, "query.status"),
        ({"since": "yesterday"}, "query.since"),
        ({"cursor": "2024"}, "query.cursor"),
        ({"cursor": "é"}, "query.cursor"),
        ({"limit": "0"}, "query.limit"),
        ({"pattern": "booking"}, "query.pattern"),
    ],
)
async def test_a_condition_that_cannot_be_is_refused_by_name(
    http: httpx2.AsyncClient, query: dict[str, str], field: str
) -> None:
    answer = await http.get("/invocations", params=query)

    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]
