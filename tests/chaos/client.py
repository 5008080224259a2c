"""A client of the gateway that repeats a request, with the same idempotency key, until it gets an answer."""

import asyncio
import time
from collections import Counter
from typing import Any

import httpx2

from tests.chaos.model import Answer
from tests.chaos.stormy_stack import MAX_CONNECTIONS

PAUSE_SECONDS = 0.3
PATIENCE_SECONDS = 300.0
"""How long a request is repeated. In the longest storm the backlog of two cores can take minutes, and a client that
gives up never learns its outcome, which is then reported as a violation although nothing was lost."""


class PatientClient:
    """Repeats what the contract allows: a request without an answer, one answered with 429 or 503, too long a wait."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        # The pool's own queue is slow: every request that waits in it is matched with every connection.
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self.repeated: Counter[str] = Counter()
        """How often a request was repeated, by reason."""
        self.seconds: list[tuple[float, str]] = []
        """How long each request took until its final answer, all repetitions included, and its path."""

    async def send(
        self, method: str, path: str, *, json: Any = None, key: str | None = None, repeat_on: tuple[int, ...] = ()
    ) -> Answer:
        """Return the answer, or the last failure after `PATIENCE_SECONDS`.

        `repeat_on`: further statuses to repeat on, because they may change.
        """
        headers = {"Idempotency-Key": key} if key else {}
        began = time.monotonic()
        while True:
            answer, pause_seconds = await self._once(method, path, json, headers)
            seconds = time.monotonic() - began
            if answer.status not in (0, 429, 503, 504, *repeat_on) or seconds > PATIENCE_SECONDS:
                self.seconds.append((seconds, f"{method} {path}"))
                return answer
            self.repeated[str(answer.status or answer.body)] += 1
            await asyncio.sleep(pause_seconds)

    async def _once(self, method: str, path: str, json: Any, headers: dict[str, str]) -> tuple[Answer, float]:
        """The answer, and how long to wait before the request is repeated: what the answer asks for, if it does."""
        try:
            async with self._slots:
                response = await self._http.request(method, path, json=json, headers=headers)
            is_json = "json" in response.headers.get("content-type", "")
            pause_seconds = float(response.headers.get("Retry-After", PAUSE_SECONDS))
            return Answer(response.status_code, response.json() if is_json else response.text), pause_seconds
        except httpx2.TransportError as error:
            return Answer(0, type(error).__name__), PAUSE_SECONDS
