"""Whether a worker says that it is ready only if it can do its work."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from clients.polls import (
    ACTIVITIES,
    Polled,
    check_polls,
    pollers_of_all_partitions,
    pollers_of_first_partition,
)
from devstack.data_folder import DataFolder
from devstack.ports import HOST, claim_ports, free_ports
from devstack.servers import stages
from devstack.supervisor import Supervisor
from domain.booking import BOOKING
from domain.subscription import SUBSCRIPTION
from infra import readiness
from infra.database_errors import NOT_MIGRATED, READ_ONLY, DatabaseUnavailable
from infra.readiness import NotReady
from infra.settings import Settings
from tests.brokers.ports import free_address
from tests.dev_server import dev_server
from tests.eventually import eventually
from tests.infra.schema import downgrade, upgrade
from workers.activity_methods import activity_methods
from workers.pools import POOLS, Pool
from workers.readiness import worker_readiness
from workers.resources import Resources

PATIENCE = timedelta(seconds=20)
BARE = "without-search-attributes"
POOL = next(pool for pool in POOLS if pool.serves == BOOKING)
OTHER = next(pool for pool in POOLS if pool.serves == SUBSCRIPTION)


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server({}) as environment:
        request = RegisterNamespaceRequest(
            namespace=BARE, workflow_execution_retention_period=Duration(seconds=24 * 3600)
        )
        await environment.client.workflow_service.register_namespace(request)
        yield environment


@pytest.fixture
async def database_url(tmp_path: Path) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path}/patterns.db"
    await upgrade(url)
    return url


@pytest.fixture(autouse=True)
def patient_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take long for an answer."""
    monkeypatch.setattr(readiness, "CHECK_TIMEOUT", PATIENCE)


async def checks(client: Client, resources: Resources, *pools: Pool) -> dict[str, str]:
    _, document = await worker_readiness(client, resources, pools, lambda: False).document()
    return cast(dict[str, str], document["checks"])


async def test_a_worker_is_ready_once_temporal_has_seen_it_poll(
    temporal: WorkflowEnvironment, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = temporal.client
    async with Resources.open(Settings(database_url=database_url), client) as resources:
        assert (await checks(client, resources, POOL))["polls"] == "does not poll"
        assert "has not polled booking (workflows), booking (activities) for 90 s" in caplog.text
        async with POOL.worker(client, resources, timedelta(seconds=1)).running():

            async def is_ready() -> bool:
                return set((await checks(client, resources, POOL)).values()) == {"ok"}

            await eventually(is_ready)
            assert (await checks(client, resources, POOL, OTHER))["polls"] == "does not poll"


async def test_another_worker_of_the_queue_does_not_count(temporal: WorkflowEnvironment, database_url: str) -> None:
    address = temporal.client.service_client.config.target_host
    other = await Client.connect(address, identity="another process")
    async with Resources.open(Settings(database_url=database_url), temporal.client) as resources:
        polled = [Polled("a-queue-of-two", ACTIVITIES)]
        activities = activity_methods(cast(Any, POOL.activities)(resources))
        async with Worker(other, task_queue="a-queue-of-two", activities=activities):
            await eventually(lambda: passes(other, polled))
            for pollers in (pollers_of_first_partition, pollers_of_all_partitions):
                assert {each.identity for each in await pollers(other, polled[0], PATIENCE)} == {other.identity}
            with pytest.raises(NotReady, match="has not polled a-queue-of-two"):
                await check_polls(temporal.client, polled, PATIENCE)


async def passes(client: Client, polled: list[Polled]) -> bool:
    try:
        await check_polls(client, polled, PATIENCE)
    except NotReady:
        return False
    return True


async def test_a_worker_whose_slots_are_in_use_need_not_poll(
    temporal: WorkflowEnvironment, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Resources.open(Settings(database_url=database_url), temporal.client) as resources:
        tasks = next(pool for pool in POOLS if pool.workflow is None)
        assert (await checks(temporal.client, resources, tasks))["polls"] == "does not poll"
        slots = resources.slots_of(tasks.task_queue, tasks.concurrent_activities)
        for number in range(tasks.concurrent_activities):
            slots.begins(number, 60)
        assert (await checks(temporal.client, resources, tasks))["polls"] == "ok"


@pytest.mark.parametrize(
    ("namespace", "state"),
    [("missing", "does not have the namespace"), (BARE, "lacks search attributes")],
)
async def test_a_worker_whose_namespace_is_not_set_up_is_not_ready(
    temporal: WorkflowEnvironment, database_url: str, namespace: str, state: str
) -> None:
    address = temporal.client.service_client.config.target_host
    client = await Client.connect(address, namespace=namespace)
    async with Resources.open(Settings(database_url=database_url), client) as resources:
        found = await checks(client, resources, POOL)
    assert found["temporal"] == state
    assert found["database"] == "ok"


async def test_a_worker_whose_database_is_not_migrated_is_not_ready(
    temporal: WorkflowEnvironment, database_url: str
) -> None:
    await downgrade(database_url)
    async with Resources.open(Settings(database_url=database_url), temporal.client) as resources:
        assert (await checks(temporal.client, resources, POOL))["database"] == NOT_MIGRATED


async def test_a_worker_whose_database_is_read_only_is_not_ready(temporal: WorkflowEnvironment) -> None:
    async def read_only() -> None:
        raise DatabaseUnavailable(READ_ONLY, "the server is a replica")

    async with Resources.open(Settings(), temporal.client) as opened:
        resources = SimpleNamespace(**vars(opened) | {"database": SimpleNamespace(check=read_only)})
        resources.slots_of = opened.slots_of
        assert (await checks(temporal.client, cast(Any, resources), POOL))["database"] == READ_ONLY


async def test_while_temporal_hangs_a_worker_is_alive_and_not_ready(tmp_path: Path) -> None:
    [port] = claim_ports(1)
    settings = {
        "HEALTH_PORT": str(port),
        "KAFKA_CLUSTERS": json.dumps({"my-cluster": free_address()}),
        "WORKERS_METRICS_ADDRESS": f"{HOST}:{claim_ports(1)[0]}",
    }
    ports = free_ports()
    specs = {spec.name: spec for stage in stages(ports, DataFolder(tmp_path), settings) for spec in stage}
    chosen = [[specs["temporal"], specs["migrate"]], [specs["workers"]]]
    with (tmp_path / "log").open("w") as log, DataFolder(tmp_path):
        async with (
            Supervisor(chosen, lambda name, line: print(name, line, file=log, flush=True)) as processes,
            httpx2.AsyncClient(base_url=f"http://{HOST}:{port}", timeout=60) as http,
        ):

            async def is_ready() -> bool:
                return (await http.get("/ready")).status_code == 200

            async def is_not_ready() -> dict[str, str] | None:
                answer = await http.get("/ready")
                return cast(dict[str, str], answer.json()["checks"]) if answer.status_code == 503 else None

            await eventually(is_ready)
            processes.pause("temporal")
            found = await eventually(is_not_ready)
            assert found["temporal"] == "does not answer" or found["polls"] == "does not answer"
            assert found["database"] == found["kafka"] == "ok"
            assert (await http.get("/health")).status_code == 200
            # The metrics show nothing of it.
            assert (await http.get(f"http://{settings['WORKERS_METRICS_ADDRESS']}/metrics")).status_code == 200
            processes.resume("temporal")
            await eventually(is_ready)
