"""Check that a server is ready, and create what it needs before other processes use it."""

import asyncio
from datetime import timedelta

import httpx2
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

_TIMEOUT = timedelta(seconds=5)
RETENTION = timedelta(days=7)
"""How long Temporal keeps closed executions, and with them the outcomes of idempotency keys."""


async def temporal_is_ready(address: str) -> bool:
    """Check the server's health, and set the retention of closed executions to `RETENTION`."""
    retention = Duration()
    retention.FromTimedelta(RETENTION)
    request = UpdateNamespaceRequest(
        namespace="default", config=NamespaceConfig(workflow_execution_retention_ttl=retention)
    )
    try:
        client = await Client.connect(address)
        if not await client.service_client.check_health(timeout=_TIMEOUT):
            return False
        await client.workflow_service.update_namespace(request, timeout=_TIMEOUT)
    except (RPCError, RuntimeError):
        return False
    return True


async def broker_is_ready(bootstrap: str, topics: list[str]) -> bool:
    """Create `topics` with one partition each. Return whether the broker lists them all."""
    if not await listens(bootstrap):  # asked first: aiokafka logs an error for each failure to connect
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        response = await admin.create_topics([NewTopic(topic, 1, 1) for topic in topics])
        for _, code, *_ in response.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                return False
        return set(topics) <= set(await admin.list_topics())
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()


async def gateway_is_ready(url: str) -> bool:
    try:
        async with httpx2.AsyncClient(timeout=_TIMEOUT.total_seconds()) as client:
            return (await client.get(f"{url}/ready")).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False


async def is_served(url: str) -> bool:
    """Whether a server that is ready has this page: a setting can switch it off."""
    async with httpx2.AsyncClient(timeout=_TIMEOUT.total_seconds()) as client:
        return (await client.get(url)).status_code == httpx2.codes.OK


async def listens(address: str) -> bool:
    """Whether a server accepts connections at `host:port`."""
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
