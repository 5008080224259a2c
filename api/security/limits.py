"""What one caller may use of this gateway process, so that the others have their share.

A caller is a name in a tenant, as its credentials show; all callers of an open gateway are one.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from api.http.problems import RETRY, Problem
from domain.access import Caller
from infra.settings import Settings

CALLER_RATE = 200
CALLER_CONCURRENCY = 100
CALLER_WAITING = 250
"""The limits of a caller with credentials, unless settings say others."""
_MANY_CALLERS = 10_000

Who = tuple[str, str]
"""Tenant and name."""


class Rate:
    """So many requests per second on average; after a pause as many at once as a second would bring."""

    def __init__(self, per_second: int, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds_each = 1 / per_second
        self._now = now
        self._free_at: dict[Who, float] = {}
        """When what a caller has used will be made up for; absent if it is."""
        self._forget_at = _MANY_CALLERS

    def take(self, who: Who) -> float:
        """Count a request and return 0; or return in how many seconds there is room for it."""
        now = self._now()
        used_until = max(self._free_at.get(who, now), now) + self._seconds_each
        excess = used_until - now - 1.0
        if excess > self._seconds_each / 10:  # sums of floats are not exact
            return excess
        self._free_at[who] = used_until
        if len(self._free_at) > self._forget_at:
            self._free_at = {each: at for each, at in self._free_at.items() if at > now}
            self._forget_at = max(_MANY_CALLERS, 2 * len(self._free_at))
        return 0.0


@dataclass(frozen=True)
class Limits:
    """0 is no limit."""

    rate: int = 0
    """Requests of a caller per second."""
    concurrency: int = 0
    """Requests of a caller at a time, without those that wait for an outcome."""
    waiting: int = 0
    """Calls of a caller that wait for an outcome at a time."""
    all_waiting: int = 0
    """Those of all callers."""

    @classmethod
    def of(cls, settings: Settings, *, is_open: bool) -> Self:
        """What the settings say; a setting that says nothing limits callers with credentials only."""

        def limit(given: int | None, default: int) -> int:
            return given if given is not None else 0 if is_open else default

        return cls(
            limit(settings.caller_rate, CALLER_RATE),
            limit(settings.caller_concurrency, CALLER_CONCURRENCY),
            limit(settings.caller_waiting, CALLER_WAITING),
            settings.max_waiting or math.ceil(settings.max_connections / 2),
        )


class Admission:
    """Admits a request if its caller's limits have room for it."""

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._rate = Rate(limits.rate, now) if limits.rate else None
        self._served = Counter[Who]()
        self._waiting = Counter[Who]()

    @contextmanager
    def admit(self, caller: Caller, *, waits: bool) -> Iterator[None]:
        """Count a request of `caller` while it is served; `waits` if it waits for an outcome.

        Raises `Problem` 429, and 503 if too many calls of all callers wait.
        """
        who = caller.tenant, caller.name
        if self._rate and (seconds := self._rate.take(who)):
            detail = f"More than {self._limits.rate} requests per second (CALLER_RATE)."
            raise _too_many(detail, math.ceil(seconds))
        if waits:
            self._must_have_room_to_wait(who)
        elif 0 < self._limits.concurrency <= self._served[who]:
            raise _too_many(f"More than {self._limits.concurrency} requests at a time (CALLER_CONCURRENCY).")
        counted = self._waiting if waits else self._served
        counted[who] += 1
        try:
            yield
        finally:
            counted[who] -= 1
            if not counted[who]:
                del counted[who]

    def _must_have_room_to_wait(self, who: Who) -> None:
        instead = "Nothing was accepted: use /send, and ask for the /output."
        if 0 < self._limits.waiting <= self._waiting[who]:
            raise _too_many(f"More than {self._limits.waiting} calls wait for outcomes (CALLER_WAITING). {instead}")
        if 0 < self._limits.all_waiting <= self._waiting.total():
            detail = f"{self._limits.all_waiting} calls wait for outcomes (MAX_WAITING). {instead}"
            raise Problem(503, "too-many-waiting", detail, headers=RETRY)


def _too_many(detail: str, seconds: int | None = None) -> Problem:
    headers = {"Retry-After": str(seconds)} if seconds else RETRY
    return Problem(429, "too-many-requests", f"{detail} Try again later.", headers=headers)
