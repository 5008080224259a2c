"""Keys change while executions are open: what is written under an old key is read, what is new has the new key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from devstack.stack import Stack
from domain.payload import MAX_PAYLOAD_BYTES
from infra.payload_keys import KeyRing
from infra.payloads import data_converter
from workflows.package_tracker import PackageTracker

PACKAGE = "/PackageTracker/rotated"
FIRST, SECOND = "first-" + "1" * 10, "second-" + "2" * 10
"""IDs of keys that occur nowhere else."""


def line(key_id: str) -> str:
    return f"{key_id}:{key_id[-1] * 63}f\n"


@asynccontextmanager
async def stack_with_keys(folder: Path, *key_ids: str) -> AsyncIterator[tuple[Stack, httpx2.AsyncClient]]:
    (folder / "payload-keys").write_text("".join(map(line, key_ids)))
    async with (
        Stack.on_free_ports(folder, {}, lambda *_: None) as stack,
        httpx2.AsyncClient(base_url=stack.gateway_url, timeout=30) as gateway,
    ):
        yield stack, gateway


async def history_of(stack: Stack) -> WorkflowHistory:
    client = await Client.connect(stack.temporal_address)
    return await client.get_workflow_handle("package-tracker:rotated").fetch_history()


def keys_in(history: WorkflowHistory) -> set[str]:
    text = b"".join(event.SerializeToString() for event in history.events)
    return {key_id for key_id in (FIRST, SECOND) if key_id.encode() in text}


async def test_an_open_execution_outlives_its_key_and_a_missing_one_is_named(tmp_path: Path) -> None:
    run, once = "/FanOutWorker/run", {"Idempotency-Key": "one"}
    async with stack_with_keys(tmp_path, FIRST) as (stack, gateway):
        registered = await gateway.post(f"{PACKAGE}/registerPackage", json={"finalDestination": "Bridge 6"})
        assert registered.status_code == 200, registered.text
        assert keys_in(await history_of(stack)) == {FIRST}
        assert (await gateway.post(run, json={"description": "done"}, headers=once)).status_code == 200

    async with stack_with_keys(tmp_path, FIRST, SECOND) as (stack, gateway):
        location = {"timestamp": "2024-10-10 13:00", "location": "Pinetree Road 5"}
        moved = await gateway.post(f"{PACKAGE}/updateLocation", json=location)
        assert moved.status_code == 200, moved.text
        state = (await gateway.get(f"{PACKAGE}/getPackageInfo")).json()
        assert (state["finalDestination"], state["locations"]) == ("Bridge 6", [location])
        history = await history_of(stack)
        assert keys_in(history) == {FIRST, SECOND}

    both = KeyRing.parse(line(FIRST) + line(SECOND), "the test's keys")
    replayer = Replayer(workflows=[PackageTracker], data_converter=data_converter(MAX_PAYLOAD_BYTES, both))
    assert (await replayer.replay_workflow(history)).replay_failure is None

    async with stack_with_keys(tmp_path, SECOND) as (stack, gateway):
        assert (await gateway.post(run, json={"description": "unaffected"})).json() == {
            "description": "unaffected: DONE"
        }
        assert (await gateway.get(PACKAGE)).status_code == 503  # no worker can replay it
        unreadable = await gateway.post(run, json={"description": "done"}, headers=once)
        assert (unreadable.status_code, unreadable.json()["type"]) == (500, "urn:problem:unreadable-payload")
        assert f"key '{FIRST}'" in unreadable.json()["detail"]
        assert "PAYLOAD_KEYS_FILE" in unreadable.json()["detail"]

    async with stack_with_keys(tmp_path, FIRST, SECOND) as (stack, gateway):
        assert (await gateway.get(f"{PACKAGE}/getPackageInfo")).json() == state
