"""The real servers, as the stack starts them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, ListTaskQueuePartitionsRequest
from temporalio.client import Client, WorkflowExecutionStatus

from devstack.data_folder import DataFolder
from devstack.ports import HOST, Ports, free_ports
from devstack.probes import RETENTION
from devstack.servers import TOPICS, stages
from devstack.supervisor import Supervisor
from domain.booking import BOOKING
from workflows.search_attributes import attributes


def ignore(name: str, line: str) -> None: ...


@asynccontextmanager
async def running(*names: str, data: Path) -> AsyncIterator[tuple[Supervisor, Ports]]:
    ports = free_ports()
    chosen = [spec for stage in stages(ports, DataFolder(data), {}) for spec in stage if spec.name in names]
    async with Supervisor([chosen], ignore) as supervisor:
        yield supervisor, ports


async def test_temporal_keeps_its_executions_from_one_start_to_the_next(tmp_path: Path) -> None:
    async with running("temporal", data=tmp_path) as (_, ports):
        client = await Client.connect(f"{HOST}:{ports.temporal}")
        await client.start_workflow(
            "Anything", id="booking:trip1", task_queue="q", search_attributes=attributes(BOOKING, "trip1")
        )
    async with running("temporal", data=tmp_path) as (_, ports):
        client = await Client.connect(f"{HOST}:{ports.temporal}")
        description = await client.get_workflow_handle("booking:trip1").describe()
        assert description.status is WorkflowExecutionStatus.RUNNING
        assert description.typed_search_attributes == attributes(BOOKING, "trip1")


async def test_temporal_keeps_its_executions_when_it_is_killed_as_soon_as_it_has_answered(tmp_path: Path) -> None:
    async with running("temporal", data=tmp_path) as (processes, ports):
        client = await Client.connect(f"{HOST}:{ports.temporal}")
        ids = [f"booking:trip{number}" for number in range(20)]
        await asyncio.gather(*(client.start_workflow("Anything", id=id, task_queue="q") for id in ids))
        await processes.kill("temporal")
        await processes.start("temporal")
        for id in ids:
            description = await client.get_workflow_handle(id).describe()
            assert description.status is WorkflowExecutionStatus.RUNNING


async def test_temporal_has_its_web_ui_and_keeps_what_has_ended_for_a_week(tmp_path: Path) -> None:
    async with running("temporal", data=tmp_path) as (_, ports):
        client = await Client.connect(f"{HOST}:{ports.temporal}")
        namespace = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
        assert namespace.config.workflow_execution_retention_ttl.ToTimedelta() == RETENTION
        async with httpx2.AsyncClient(timeout=60) as http:
            assert (await http.get(f"http://{HOST}:{ports.ui}/")).status_code == httpx2.codes.OK


async def test_a_task_queue_has_one_partition_so_that_every_task_is_where_workers_poll(tmp_path: Path) -> None:
    async with running("temporal", data=tmp_path) as (_, ports):
        client = await Client.connect(f"{HOST}:{ports.temporal}")
        queue = ListTaskQueuePartitionsRequest(namespace="default", task_queue=TaskQueue(name=BOOKING.task_queue))
        partitions = await client.workflow_service.list_task_queue_partitions(queue)
        assert len(partitions.workflow_task_queue_partitions) == 1
        assert len(partitions.activity_task_queue_partitions) == 1


async def test_the_broker_has_the_topics_and_their_dead_letters_after_each_start(tmp_path: Path) -> None:
    async with running("broker", data=tmp_path) as (supervisor, ports):
        before = await cluster(ports)
        await supervisor.restart("broker")
        after = await cluster(ports)
    assert before["topics"] == after["topics"] == sorted([*TOPICS, *(f"{topic}.dead-letter" for topic in TOPICS)])
    assert before["id"] != after["id"], "its records are gone, so it is another cluster"


async def test_the_broker_carries_records(tmp_path: Path) -> None:
    async with running("broker", data=tmp_path) as (_, ports):
        bootstrap = f"{HOST}:{ports.broker}"
        async with (
            AIOKafkaProducer(bootstrap_servers=bootstrap) as producer,
            AIOKafkaConsumer(TOPICS[0], bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer,
        ):
            await producer.send_and_wait(TOPICS[0], b"hello", b"user")
            record = await consumer.getone()
            assert (record.key, record.value) == (b"user", b"hello")


async def cluster(ports: Ports) -> dict[str, object]:
    admin = AIOKafkaAdminClient(bootstrap_servers=f"{HOST}:{ports.broker}")
    await admin.start()
    try:
        return {
            "topics": sorted(await admin.list_topics()),
            "id": (await admin.describe_cluster())["cluster_id"],
        }
    finally:
        await admin.close()
