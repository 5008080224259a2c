"""What people enter is readable where the application keeps it, and nowhere else; secrets are readable nowhere."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import httpx2
import pytest
from temporalio.client import Client

from devstack.stack import Stack
from tests.conftest import STACK_SETTINGS
from tests.every_pattern import CONTENT, KEY, REASON, SECRETS, found, play


@pytest.fixture(scope="module")
async def private(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack of its own: only what these calls store is in its files."""
    folder = tmp_path_factory.mktemp("private")
    settings = STACK_SETTINGS | {"HTTP_TASK_ALLOWED_HOSTS": '["127.0.0.1:9"]'}
    with (folder / "log.txt").open("w") as log:
        running = Stack.on_free_ports(
            folder / "data", settings, lambda name, line: print(f"{name:8} {line}", file=log, flush=True)
        )
        async with running:
            yield running


async def _stored(stack: Stack) -> dict[str, bytes]:
    """The events of every workflow, the descriptions of every execution, and Temporal's files, byte by byte."""
    client = await Client.connect(stack.temporal_address)
    found: dict[str, bytes] = {}
    async for workflow in client.list_workflows():
        handle = client.get_workflow_handle(workflow.id, run_id=workflow.run_id)
        events = [event.SerializeToString() async for event in handle.fetch_history_events()]
        found[workflow.id] = b"".join(events) + (await handle.describe()).raw_description.SerializeToString()
    async for task in client.list_activities(""):
        described = await client.get_activity_handle(task.activity_id).describe(
            include_input=True, include_outcome=True, include_last_failure=True, include_heartbeat_details=True
        )
        parts = (described.raw_info, described.raw_input, described.raw_outcome)
        found[task.activity_id] = b"".join(part.SerializeToString() for part in parts if part is not None)
    found |= {file.name: file.read_bytes() for file in _files(stack.data.path, "temporal.db*")}
    return found


def _files(folder: Path, pattern: str) -> Iterable[Path]:
    return (file for file in folder.glob(pattern) if file.is_file())


@pytest.fixture(scope="module")
async def played(private: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=private.gateway_url, timeout=60) as gateway:
        await play(gateway, private)
        yield gateway


async def test_what_a_person_entered_is_nowhere_in_temporal(private: Stack, played: httpx2.AsyncClient) -> None:
    stored = await _stored(private)
    kinds = {name.partition(":")[0] for name in stored}
    assert len(kinds) >= 8, kinds
    assert found(stored, *SECRETS, *CONTENT) == set()
    assert any(KEY.encode() in text for text in stored.values()), "keys are readable, by IDs"


async def test_secrets_are_nowhere_and_content_is_in_the_database_only(
    private: Stack, played: httpx2.AsyncClient
) -> None:
    folder = private.data.path.parent
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    listings = ("/metrics", "/subscriptions", "/openapi.json", "/AsyncTaskWorker/deadLetters")
    answers = {path: (await played.get(path)).content for path in listings}
    assert found(files | answers, *SECRETS) == set()
    kept = {place for place, term in found(files, *CONTENT) if term != REASON}
    assert {place.removesuffix("-wal") for place in kept} == {"data/patterns.db"}
    assert {place for place, _ in found(files, REASON)} <= {"log.txt"}
    log = files["log.txt"].decode()
    for line in ("Reminder 1", "Started executing subtask", "WorkFailed", "127.0.0.1:9"):
        assert line in log
