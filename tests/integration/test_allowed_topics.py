"""Which topics a subscription may name: gateways and a worker with other settings than the stack, on its servers."""

import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiokafka import AIOKafkaProducer

from api.app import create_app, open_gateway
from api.security.authentication import authentication
from devstack.stack import Stack
from domain.access import Role
from infra.kafka.clusters import KafkaClusters
from infra.payload_keys import load_key_ring
from infra.settings import Settings
from tests.api.security.gateways import bearing, write_keys
from tests.brokers.fixtures import make_topic
from tests.eventually import eventually

SINK = "service://UserFeed/processPost"

Opened = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


def key() -> str:
    return uuid.uuid4().hex[:8]


def body(topic: str, **options: object) -> dict[str, Any]:
    return {"source": f"kafka://my-cluster/{topic}", "sink": SINK, "options": options}


@pytest.fixture
async def gateway(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens a gateway that has this KAFKA_ALLOWED, for an operator of this tenant."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)

    @asynccontextmanager
    async def opened(allowed: object, tenant: str = "default") -> AsyncIterator[httpx2.AsyncClient]:
        file = tmp_path / f"{key()}.json"
        keys = write_keys(file, {"operator": {"tenant": tenant, "roles": [Role.OPERATOR]}})
        settings = Settings.model_validate(
            {
                "database_url": stack.database_url,
                "kafka_clusters": {"my-cluster": stack.bootstrap},
                "kafka_allowed": {"my-cluster": allowed},
                "api_keys_file": file,
                "payload_keys_file": stack.data.payload_keys,
            }
        )
        async with open_gateway(settings, load_key_ring(settings), authentication(settings)) as gateway:
            transport = httpx2.ASGITransport(create_app(gateway))
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://gateway", headers=bearing(keys["operator"]), timeout=60
            ) as client:
                yield client

    return opened


def refused(answer: httpx2.Response, kind: str) -> str:
    assert (answer.status_code, answer.json()["type"]) == (403, f"urn:problem:{kind}"), answer.text
    detail: str = answer.json()["detail"]
    return detail


async def write(stack: Stack, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap) as producer:
        await producer.send_and_wait(topic, value, key=b"ann")


async def test_a_topic_that_is_not_allowed_can_be_neither_subscribed_nor_read_as_dead_letters(
    stack: Stack, gateway: Opened
) -> None:
    topic = f"payroll-private-{key()}"
    await make_topic(stack.bootstrap, topic)
    await write(stack, topic, b'{"name": "ann", "salary": 90000}')
    async with gateway(["social-media-posts"]) as operator:
        answer = await operator.post("/subscriptions", json=body(topic))
        assert "KAFKA_ALLOWED" in refused(answer, "topic-not-allowed")
        letters = await operator.get(f"/subscriptions/my-cluster.{topic}-UserFeed.processPost/deadLetters")
        assert "90000" not in letters.text
        assert letters.status_code == 404
        assert [each for each in (await operator.get("/subscriptions")).json() if topic in each["id"]] == []
    assert await KafkaClusters({"my-cluster": stack.bootstrap}).topic("my-cluster", f"{topic}.dead-letter") is None


@pytest.mark.parametrize("allowed", [["*"], ["__*", "*.dead-letter"]])
async def test_internal_topics_and_those_of_dead_letters_are_never_sources(gateway: Opened, allowed: object) -> None:
    async with gateway(allowed) as operator:
        for topic in ("__consumer_offsets", "__transaction_state", "social-media-posts.dead-letter", "x.dead-letter"):
            refused(await operator.post("/subscriptions", json=body(topic)), "topic-not-allowed")


async def test_a_group_of_another_application_or_tenant_is_refused(stack: Stack, gateway: Opened) -> None:
    topic = f"posts-{key()}"
    await make_topic(stack.bootstrap, topic)
    allowed = {"topics": ["*"], "groups": ["ours-*"], "tenants": {"acme": {"groups": ["acme-*"]}}}
    async with gateway(allowed) as operator:
        for group in ("payments-service", "acme-1", f"my-cluster.{topic}-PackageTracker.updateLocation"):
            answer = await operator.post("/subscriptions", json=body(topic, **{"group.id": group}))
            assert group in refused(answer, "group-not-allowed")
        other_tenants = f"acme/my-cluster.{topic}-UserFeed.processPost"
        answer = await operator.post("/subscriptions", json=body(topic, **{"group.id": other_tenants}))
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:problem:invalid-body")
        ours = await operator.post("/subscriptions", json=body(topic, **{"group.id": f"ours-{topic}"}))
        assert ours.status_code == 201, ours.text
        await operator.delete(f"/subscriptions/{ours.json()['id']}")


async def test_a_topic_of_one_tenant_is_none_of_another(stack: Stack, gateway: Opened) -> None:
    topic = f"acme-orders-{key()}"
    await make_topic(stack.bootstrap, topic)
    allowed = {"topics": ["social-media-posts"], "tenants": {"acme": [topic]}}
    for stranger in ("default", "globex"):
        async with gateway(allowed, stranger) as operator:
            detail = refused(await operator.post("/subscriptions", json=body(topic)), "topic-not-allowed")
            assert "it has: social-media-posts." in detail
    async with gateway(allowed, "acme") as operator:
        created = await operator.post("/subscriptions", json=body(topic))
        assert created.status_code == 201, created.text
        await operator.delete(f"/subscriptions/{created.json()['id']}")


async def test_no_call_creates_a_topic(stack: Stack, gateway: Opened) -> None:
    topic = f"missing-{key()}"
    async with gateway(["*"]) as operator:
        answer = await operator.post("/subscriptions", json=body(topic))
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:problem:unknown-source")
        await operator.get(f"/subscriptions/my-cluster.{topic}-UserFeed.processPost/deadLetters")
    clusters = KafkaClusters({"my-cluster": stack.bootstrap})
    for name in (topic, f"{topic}.dead-letter"):
        assert await clusters.topic("my-cluster", name) is None


async def test_dead_letters_are_out_of_reach_once_the_setting_is_narrowed(stack: Stack, gateway: Opened) -> None:
    topic = f"narrowed-{key()}"
    await make_topic(stack.bootstrap, topic)
    await write(stack, topic, b'{"secret": "90000"}')
    async with gateway([topic]) as operator:
        path = f"/subscriptions/{(await operator.post('/subscriptions', json=body(topic))).json()['id']}"

        async def listed() -> bool:
            return "90000" in (await operator.get(f"{path}/deadLetters")).text

        await eventually(listed)
    async with gateway(["social-media-posts"]) as operator:
        refused(await operator.get(f"{path}/deadLetters"), "topic-not-allowed")
        refused(await operator.post(f"{path}/deadLetters/redrive", json={"all": True}), "topic-not-allowed")
        assert (await operator.get(path)).status_code == 200
        assert (await operator.delete(path)).status_code == 202


async def test_a_setting_that_is_narrowed_stops_the_subscription_and_says_why(tmp_path: Path) -> None:
    """The workers start again with it, as they do when a setting changes."""
    topic = "orders"
    with (tmp_path / "log.txt").open("w") as log:

        def stack(allowed: object) -> Stack:
            settings = {"KAFKA_ALLOWED": json.dumps({"my-cluster": allowed})}
            return Stack.on_free_ports(tmp_path / "data", settings, lambda name, line: print(name, line, file=log))

        async with stack([topic]) as wide, httpx2.AsyncClient(base_url=wide.gateway_url, timeout=60) as http:
            await make_topic(wide.bootstrap, topic)
            created = await http.post("/subscriptions", json=body(topic))
            assert created.status_code == 201, created.text
            path = f"/subscriptions/{created.json()['id']}"
        async with stack([]) as narrow, httpx2.AsyncClient(base_url=narrow.gateway_url, timeout=60) as http:
            await make_topic(narrow.bootstrap, topic)

            async def failed() -> dict[str, Any] | None:
                answer = await http.get(path)
                seen: dict[str, Any] = answer.json()
                return seen if seen.get("status") == "FAILED" else None

            last_error = (await eventually(failed))["lastError"]
            assert last_error.startswith("KAFKA_ALLOWED does not let tenant 'default' subscribe to topic 'orders'")
            assert last_error.endswith("Delete the subscription, or resume it once it is allowed.")
