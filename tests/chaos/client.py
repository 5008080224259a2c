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

    async def send(
        self, method: str, path: str, *, json: Any = None, key: str | None = None, repeat_on: tuple[int, ...] = ()
    ) -> Answer:
        """Return the answer, or the last failure after `PATIENCE_SECONDS`.

        `repeat_on`: further statuses to repeat on, because they may change.
        """
        headers = {"Idempotency-Key": key} if key else {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = await self._once(method, path, json, headers)
            if answer.status not in (0, 429, 503, 504, *repeat_on) or time.monotonic() > deadline:
                return answer
            self.repeated[str(answer.status or answer.body)] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def _once(self, method: str, path: str, json: Any, headers: dict[str, str]) -> Answer:
        try:
            async with self._slots:
                response = await self._http.request(method, path, json=json, headers=headers)
            is_json = "json" in response.headers.get("content-type", "")
            return Answer(response.status_code, response.json() if is_json else response.text)
        except httpx2.TransportError as error:
            return Answer(0, type(error).__name__)
