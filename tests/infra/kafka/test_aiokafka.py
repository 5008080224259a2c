"""What we use of aiokafka beyond its documented interface, without a broker: an upgrade that changes it fails here.

docs/decisions/0012-dependencies.md says why each part is used and what would replace it.
"""

import asyncio
import inspect
import uuid

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import client as aiokafka_client
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin import client as aiokafka_admin
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.api import RequestHeader_v2
from aiokafka.protocol.metadata import MetadataRequest

from domain.subscription import ConsumerTask, Subscription, SubscriptionOptions
from infra.kafka.access import why_unreachable
from infra.kafka.connection import KafkaCluster
from infra.kafka.deadlines import stop_client
from infra.kafka.topic_ids import (
    MetadataRequestV10,
    MetadataResponseV10,
    TopicMetadata,
    TopicMetadataRequest,
    read_topic_metadata,
)
from tests.brokers.ports import free_address
from workers.kafka.client import limit_fetches, new_client
from workers.kafka.decisions.memory import MIB, Memory, Share

TOPIC_ID = uuid.UUID("c7b8b8f0-5a3e-4f0e-9a52-0d7b1f3f9a11")


class AdminThatIsAnswered(AIOKafkaAdminClient):  # type: ignore[misc]
    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    async def _send_request(self, request: TopicMetadataRequest, node_id: int | None = None) -> MetadataResponseV10:
        answer: MetadataResponseV10 = request.prepare({request.API_KEY: (0, 13)}).RESPONSE_TYPE.decode(self.answer)
        return answer


def metadata_answer(error: int = 0) -> bytes:
    """Version 10 of Kafka's metadata response: one broker, and one topic of two partitions."""
    replicas = b"\x02\0\0\0\1" + b"\x02\0\0\0\1" + b"\x01"
    partitions = b"".join(b"\0\0" + bytes([0, 0, 0, n]) + b"\0\0\0\1" + b"\0\0\0\5" + replicas + b"\0" for n in (0, 1))
    topic = error.to_bytes(2) + b"\x07orders" + TOPIC_ID.bytes + b"\0" + b"\x03" + partitions + b"\x80\0\0\0" + b"\0"
    brokers = b"\x02\0\0\0\1" + b"\x05host" + b"\0\0\x23\x84" + b"\0" + b"\0"
    return b"\0\0\0\0" + brokers + b"\x08cluster" + b"\0\0\0\1" + b"\x02" + topic + b"\x80\0\0\0" + b"\0"


class TestTopicIds:
    def test_the_admin_client_sends_a_request_of_ours(self) -> None:
        assert inspect.iscoroutinefunction(AIOKafkaAdminClient._send_request)
        assert list(inspect.signature(AIOKafkaAdminClient._send_request).parameters) == ["self", "request", "node_id"]

    def test_the_request_is_version_10_of_kafkas_metadata_request(self) -> None:
        request = TopicMetadataRequest("orders").prepare({3: (0, 13)})
        assert isinstance(request, MetadataRequestV10)
        assert isinstance(request.build_request_header(1, "client"), RequestHeader_v2)
        assert request.encode() == b"\x02" + bytes(16) + b"\x07orders\0" + b"\0\0\0" + b"\0"

    async def test_the_answer_is_read(self) -> None:
        metadata = await read_topic_metadata(AdminThatIsAnswered(metadata_answer()), "orders")
        assert metadata == TopicMetadata("cluster", TOPIC_ID, partitions=2, is_internal=False)

    @pytest.mark.parametrize("error", [3, 17])
    async def test_an_unknown_topic_is_none_and_one_whose_name_is_too_long(self, error: int) -> None:
        assert await read_topic_metadata(AdminThatIsAnswered(metadata_answer(error)), "orders") is None


class TestQuestionsAboutTopics:
    @pytest.mark.parametrize("version", [4, 5])
    @pytest.mark.parametrize("allowed", [None, True])
    def test_a_metadata_request_of_aiokafka_creates_no_topic(self, version: int, allowed: bool | None) -> None:
        request = MetadataRequest(["orders"], allowed).prepare({3: (0, version)})
        assert version == request.API_VERSION
        assert request.to_object() == {"topics": ["orders"], "allow_auto_topic_creation": False}

    def test_every_client_asks_with_it(self) -> None:
        assert aiokafka_client.MetadataRequest is aiokafka_admin.MetadataRequest is MetadataRequest


class TestAccess:
    def test_a_connection_takes_the_arguments_of_the_clients(self) -> None:
        sasl = {"saslMechanism": "PLAIN", "username": "ann", "password": "hunter2"}
        cluster = KafkaCluster.model_validate({"bootstrapServers": "one:1", "securityProtocol": "SASL_SSL", **sasl})
        security = {name: value for name, value in cluster.connection().items() if name != "bootstrap_servers"}
        assert inspect.iscoroutinefunction(create_conn)
        inspect.signature(create_conn).bind("one", 1, request_timeout_ms=1_000, **security)

    def test_bootstrap_servers_are_split_into_host_and_port(self) -> None:
        assert sorted((host, port) for host, port, _ in collect_hosts("one:1,two:2")) == [("one", 1), ("two", 2)]

    async def test_a_server_that_is_not_there_is_an_error_of_its_own(self) -> None:
        connection = {"bootstrap_servers": free_address(), "security_protocol": "PLAINTEXT"}
        assert isinstance(await why_unreachable(connection, 1_000), KafkaConnectionError | OSError)


class TestLimitsOfFetches:
    async def test_are_read_when_the_client_starts(self) -> None:
        names = AIOKafkaConsumer.start.__code__.co_names
        assert {"_fetch_max_bytes", "_max_partition_fetch_bytes"} <= set(names)

    async def test_are_the_consumers_share_by_partition(self) -> None:
        client = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
        limit_fetches(client, Share(Memory(64 * MIB)), partitions=32)
        assert (client._fetch_max_bytes, client._max_partition_fetch_bytes) == (8 * MIB, MIB // 4)
        await client.stop()


class CoordinatorThatHangs(GroupCoordinator):  # type: ignore[misc]
    """Its `close` never returns, so `stop` of its consumer does not either, and the fetcher would keep running."""

    async def close(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
async def hanging() -> AIOKafkaConsumer:
    """A consumer in the state that `start` leaves it in."""
    subscription = Subscription(
        cluster="c", topic="orders", service="S", handler="h", options=SubscriptionOptions.model_validate({})
    )
    client = new_client(ConsumerTask(subscription=subscription, member=0), {"bootstrap_servers": "127.0.0.1:1"})
    client._fetcher = Fetcher(client._client, client._subscription)
    client._coordinator = CoordinatorThatHangs(client._client, client._subscription)
    return client


class TestTakingAClientApart:
    async def test_ends_the_tasks_that_stop_leaves_running(self, hanging: AIOKafkaConsumer) -> None:
        fetching, coordinating = hanging._fetcher._fetch_task, hanging._coordinator._coordination_task
        assert not fetching.done()
        assert not coordinating.done()
        await stop_client(hanging, 0.5)
        assert fetching.done()
        assert coordinating.done()

    async def test_ends_the_refresh_of_committed_offsets(self, hanging: AIOKafkaConsumer) -> None:
        hanging.assign([])
        hanging._coordinator.start_commit_offsets_refresh_task(hanging._subscription.subscription.assignment)
        refreshing = hanging._coordinator._commit_refresh_task
        await stop_client(hanging, 0.5)
        assert refreshing.done()
