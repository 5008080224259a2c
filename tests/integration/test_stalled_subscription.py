"""A subscription that does not move says so over HTTP."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from aiokafka.admin import AIOKafkaAdminClient

from devstack.stack import Stack
from tests.brokers.fixtures import make_topic
from tests.eventually import eventually


async def test_a_subscription_whose_topic_is_deleted_says_so_and_fails(stack: Stack, http: httpx2.AsyncClient) -> None:
    topic = f"deleted-{uuid.uuid4().hex[:8]}"
    await make_topic(stack.bootstrap, topic)
    body = {"source": f"kafka://my-cluster/{topic}", "sink": "service://UserFeed/processPost"}
    created = await http.post("/subscriptions", json=body)
    assert created.status_code == 201, created.text
    path = f"/subscriptions/{created.json()['id']}"
    assert (created.json()["lastError"], created.json()["since"]) == (None, None)

    async def view() -> dict[str, Any]:
        seen: dict[str, Any] = (await http.get(path)).json()
        return seen

    async def reads() -> bool:
        return bool((await view())["consumers"])

    await eventually(reads)
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
    await admin.start()
    await admin.delete_topics([topic])
    await admin.close()

    async def has_failed() -> dict[str, Any] | None:
        seen = await view()
        return seen if seen["status"] == "FAILED" else None

    failed = await eventually(has_failed)
    assert failed["lastError"].startswith(f"Topic '{topic}' is not in cluster 'my-cluster' any more.")
    since = datetime.fromisoformat(failed["since"])
    assert timedelta(0) <= datetime.now(UTC) - since < timedelta(minutes=2)
    refused = await http.post("/subscriptions", json=body)
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:problem:unknown-source")
    await make_topic(stack.bootstrap, topic)
    resumed = (await http.post("/subscriptions", json=body)).json()
    assert (resumed["status"], resumed["lastError"], resumed["since"]) == ("RUNNING", None, None)
    assert (await http.delete(path)).status_code == 202
