"""Messages to one key as fast as they come."""

import asyncio
import json
import time
import uuid
from dataclasses import dataclass

import httpx2
from aiokafka import AIOKafkaProducer
from pydantic import JsonValue
from temporalio.client import Client

from benchmarks.kafka import CLUSTER, GIVE_UP_AFTER_SECONDS
from benchmarks.records import location
from benchmarks.stack import make_topic
from domain.patterns import PACKAGE_TRACKER, PAYMENT_TRACKER, USER_FEED, Pattern

SIDE_BY_SIDE = 50
HANDLERS = {PACKAGE_TRACKER: "updateLocation", PAYMENT_TRACKER: "onPaymentFailure", USER_FEED: "processPost"}


@dataclass
class HotKey:
    """One key of an entity service, all of whose messages differ."""

    http: httpx2.AsyncClient
    client: Client
    pattern: Pattern
    messages: int

    def __post_init__(self) -> None:
        self.name = f"hot-{uuid.uuid4().hex[:8]}"
        self.handler = HANDLERS[self.pattern]
        self.held_back = 0
        """How often the gateway answered that the key is busy."""

    @property
    def workflow_id(self) -> str:
        return self.pattern.execution_id(self.name)

    async def over_http(self) -> None:
        """Post each message until it is accepted, fifty side by side."""
        room = asyncio.Semaphore(SIDE_BY_SIDE)

        async def post(number: int) -> None:
            path = f"/{self.pattern.service}/{self.name}/{self.handler}/send"
            async with room:
                while (answer := await self.http.post(path, json=self._body(number))).is_error:
                    if "Retry-After" not in answer.headers:
                        answer.raise_for_status()
                    self.held_back += answer.json()["type"] == "urn:problem:key-busy"
                    await asyncio.sleep(int(answer.headers["Retry-After"]))

        await asyncio.gather(*map(post, range(self.messages)))

    async def from_kafka(self, bootstrap: str) -> None:
        """Write all messages to one partition, subscribe, and wait until the last is delivered."""
        topic = self.name
        await make_topic(bootstrap, topic, partitions=1)
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20) as producer:
            for number in range(self.messages):
                await producer.send(topic, json.dumps(self._body(number)).encode(), key=self.name.encode())
            await producer.flush()
        sink = f"service://{self.pattern.service}/{self.handler}"
        body = {"source": f"kafka://{CLUSTER}/{topic}", "sink": sink}
        subscription = (await self.http.post("/subscriptions", json=body)).raise_for_status().json()
        path = f"/subscriptions/{subscription['id']}"
        deadline = time.perf_counter() + GIVE_UP_AFTER_SECONDS
        while sum(c["delivered"] for c in (await self.http.get(path)).json()["consumers"]) < self.messages:
            if time.perf_counter() > deadline:
                raise TimeoutError(path)
            await asyncio.sleep(0.2)
        (await self.http.delete(path)).raise_for_status()

    async def has_all(self) -> bool:
        """Whether the workflow has counted every message, once."""
        handle = self.client.get_workflow_handle(self.workflow_id)
        state = await handle.query("state")
        if self.pattern is PACKAGE_TRACKER:
            return bool(state["locations"] == self.messages)
        if self.pattern is USER_FEED:
            return bool(state["published"] + state["rejected"] == self.messages and not state["queued"])
        # Of messages in order the last one is the latest event; of those side by side there are enough for support.
        return bool(state["lastEventId"] == _event_id(self.messages - 1) or state["status"] == "ESCALATED")

    def _body(self, number: int) -> dict[str, JsonValue]:
        if self.pattern is PACKAGE_TRACKER:
            return {**location(number)}
        if self.pattern is USER_FEED:
            return {"content": f"Post {number}", "metadata": "public"}
        return {"type": "invoice", "created": number, "data": {"id": _event_id(number), "customer": "cus_1"}}


def _event_id(number: int) -> str:
    return f"evt_{number:024}"
