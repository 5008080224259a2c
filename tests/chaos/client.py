"""A client of the gateway as it should be: it sends again, with the same idempotency key, until there is an answer."""

import asyncio
import time
from collections import Counter
from typing import Any

import httpx2

from tests.chaos.model import Answer
from tests.chaos.stormy_stack import MOST_CONNECTIONS

PAUSE_SECONDS = 0.3
PATIENCE_SECONDS = 300.0
"""Most of the longest storm: while things break without a pause the backlog of two cores can take minutes, and what a
client that gave up will never know is then told as a violation, though nothing was lost."""


class PatientClient:
    """Repeats what the contract says may be repeated: what got no answer, and 503."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        # The pool's own queue is slow: every request that waits in it is matched with every connection.
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)
        self.repeated: Counter[str] = Counter()
        """Requests that were sent again, by reason."""

    async def send(
        self, method: str, path: str, *, json: Any = None, key: str | None = None, again_on: tuple[int, ...] = ()
    ) -> Answer:
        """Return the answer, or the last failure after `PATIENCE_SECONDS`. `again_on`: statuses that may change."""
        headers = {"Idempotency-Key": key} if key else {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = await self._once(method, path, json, headers)
            if answer.status not in (0, 503, *again_on) or time.monotonic() > deadline:
                return answer
            self.repeated[str(answer.status or answer.body)] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def _once(self, method: str, path: str, json: Any, headers: dict[str, str]) -> Answer:
        try:
            async with self._room:
                response = await self._http.request(method, path, json=json, headers=headers)
            is_json = "json" in response.headers.get("content-type", "")
            return Answer(response.status_code, response.json() if is_json else response.text)
        except httpx2.TransportError as error:
            return Answer(0, type(error).__name__)
