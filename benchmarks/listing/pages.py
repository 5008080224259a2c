"""Reads pages of the list, and checks a walk through all of them."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx2

PAGE = 200
ATTEMPTS = 10


@dataclass
class Walk:
    """The pages of a list from the first to the last. `keys` are in the order in which they were listed."""

    keys: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """How long each page took."""

    def faults(self, existing: Collection[str]) -> list[str]:
        """What is wrong with it, if `existing` were there when its first page was read."""
        missing = {*existing} - {*self.keys}
        repeated = [key for key, times in Counter(self.keys).items() if times > 1]
        return [
            f"{len(keys):,} executions are {what}, such as {_some(keys)}"
            for what, keys in (("missing", missing), ("repeated", repeated))
            if keys
        ]


def _some(keys: Iterable[str]) -> str:
    return ", ".join(sorted(keys)[:3])


async def walk(http: httpx2.AsyncClient, **query: Any) -> Walk:
    """Read all pages."""
    walked = Walk()
    following: dict[str, Any] | None = {}
    while following is not None:
        page, seconds = await read(http, limit=PAGE, **query, **following)
        walked.keys += [each["key"] for each in page["executions"]]
        walked.seconds.append(seconds)
        following = page["next"]
    return walked


async def read(http: httpx2.AsyncClient, path: str = "/invocations", **query: Any) -> tuple[Any, float]:
    """One page, and how long it took, with the retries that a 503 asks for."""
    began = time.perf_counter()
    for _ in range(ATTEMPTS):
        answer = await http.get(path, params=query)
        if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
            break
        await asyncio.sleep(int(answer.headers["Retry-After"]))
    return answer.raise_for_status().json(), time.perf_counter() - began
