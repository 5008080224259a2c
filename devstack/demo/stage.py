"""What a scene uses: the gateway, the broker and the narrator. Every answer is checked."""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from aiokafka import AIOKafkaProducer

from devstack.demo.narrator import Narrator, shown

_POLL_EVERY_SECONDS = 0.2


class Unexpected(Exception):
    """An answer is not the expected one."""


@dataclass(frozen=True)
class Reply:
    """An answer of the gateway."""

    status: int
    body: Any
    link: str | None
    """Where the Web UI shows the execution."""

    @classmethod
    def of(cls, response: httpx2.Response) -> "Reply":
        try:
            body = response.json()
        except ValueError:
            body = response.text
        header = re.search(r'<([^>]+)>; rel="execution"', response.headers.get("Link", ""))
        in_body = body.get("webUi") if isinstance(body, dict) else None
        return cls(response.status_code, body, header[1] if header else in_body)

    def difference(self, status: int, fields: Mapping[str, object]) -> str | None:
        """Return the first difference from what was expected, in words."""
        if self.status != status:
            return f"expected HTTP {status}, got {self.status} {shown(self.body)}"
        for name, expected in fields.items():
            actual = self.body.get(name) if isinstance(self.body, dict) else None
            if actual != expected:
                return f"expected {name} = {shown(expected)}, got {shown(self.body)}"
        return None


class Stage:
    """Plays requests and records, narrates them, and raises `Unexpected` when an answer is not as expected."""

    def __init__(self, http: httpx2.AsyncClient, producer: AIOKafkaProducer, narrator: Narrator) -> None:
        self._http = http
        self._producer = producer
        self._narrator = narrator

    def step(self, text: str) -> None:
        self._narrator.step(text)

    async def call(
        self,
        request: str,
        body: object = None,
        *,
        status: int = 200,
        fields: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send `request`, such as `GET /health`. The answer must have `status`, and every field as in `fields`."""
        self._narrator.action(request, body)
        reply = await self._send(request, body, headers)
        if difference := reply.difference(status, fields or {}):
            raise Unexpected(difference)
        self._narrator.passed(f"{reply.status} {shown(reply.body)}", reply.link)
        return reply

    async def until(
        self, path: str, fields: Mapping[str, object], *, status: int = 200, within_seconds: float = 60
    ) -> Reply:
        """Read `path` until it answers with `status` and `fields`, printing each change until then."""
        self._narrator.action(f"GET {path}, until {shown(fields)}")
        deadline = time.monotonic() + within_seconds
        seen = ""
        while True:
            reply = await self._send(f"GET {path}", None, None)
            difference = reply.difference(status, fields)
            if difference is None:
                self._narrator.passed(f"{reply.status} {shown(reply.body)}", reply.link)
                return reply
            if time.monotonic() > deadline:
                raise Unexpected(f"{difference}, after {within_seconds:.0f} s")
            watched = self._watched(reply, fields)
            if watched != seen:
                self._narrator.observed(seen := watched)
            await asyncio.sleep(_POLL_EVERY_SECONDS)

    async def produce(self, topic: str, *records: tuple[str, object]) -> None:
        """Write records, each a key and a value, to `topic`, and wait until the broker has them."""
        for key, value in records:
            text = json.dumps(value, ensure_ascii=False)
            self._narrator.action(f"Kafka {topic}  {key}:{text}")
            await self._producer.send_and_wait(topic, text.encode(), key.encode())
        self._narrator.passed(f"the broker has {'it' if len(records) == 1 else 'them'}")

    def expect(self, what: str, actual: object, expected: object) -> None:
        if actual != expected:
            raise Unexpected(f"expected {what} = {shown(expected)}, got {shown(actual)}")
        self._narrator.passed(f"{what} = {shown(actual)}")

    async def _send(self, request: str, body: object, headers: Mapping[str, str] | None) -> Reply:
        method, path = request.split(" ", 1)
        return Reply.of(await self._http.request(method, path, json=body, headers=headers))

    @staticmethod
    def _watched(reply: Reply, fields: Mapping[str, object]) -> str:
        body = reply.body if isinstance(reply.body, dict) else {}
        watched = {name: body[name] for name in fields if name in body}
        return f"{reply.status} {shown(watched)}" if watched else f"{reply.status}"
