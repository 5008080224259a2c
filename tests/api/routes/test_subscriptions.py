"""The list of subscriptions."""

import uuid
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import httpx2

from api.routes.subscriptions import running_subscriptions
from devstack.stack import Stack
from tests.brokers.fixtures import make_topic
from tests.eventually import eventually


async def test_a_deleted_subscription_is_not_listed(stack: Stack, http: httpx2.AsyncClient) -> None:
    topic = f"deleted-{uuid.uuid4().hex[:8]}"
    await make_topic(stack.bootstrap, topic)
    body = {"source": f"kafka://my-cluster/{topic}", "sink": "service://UserFeed/processPost"}
    created = (await http.post("/subscriptions", json=body)).json()

    async def listed() -> bool:
        return created["id"] in [each["id"] for each in (await http.get("/subscriptions")).json()]

    await eventually(listed)
    assert (await http.delete(f"/subscriptions/{created['id']}")).status_code == 202
    assert not await listed()


class ManyWorkflows:
    """As many workflows as Temporal is asked for."""

    async def list_workflows(self, _: str, limit: int | None = None, **__: Any) -> AsyncIterator[SimpleNamespace]:
        for number in range(1_000 if limit is None else limit):
            yield SimpleNamespace(id=f"subscription:{number}")


async def test_no_number_of_subscriptions_hides_others() -> None:
    assert len([each async for each in running_subscriptions(cast(Any, ManyWorkflows()), "default")]) == 1_000
