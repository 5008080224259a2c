"""Rows that are a closed loop of calls, the same over HTTP and by a bare Temporal client."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from benchmarks.compare.load.jobs import Expected, HttpCalls, TemporalCalls
from benchmarks.compare.session import Measured, Session
from benchmarks.harness.histories import count_events
from domain.pattern import Pattern

MANY, SOME = 50, 20
"""Calls in flight."""
WARM_UP = 0.25
"""Share of the measured time that a row loads the system before."""
SAMPLED_HISTORIES = 20
"""Histories whose events are counted, at most."""


@dataclass(frozen=True)
class Calls:
    """`{key}` in `path` is a new key for each call. `row` names them for the bare Temporal client."""

    row: Literal["saga-success", "saga-failure", "queue-submit", "queue-call", "state-read", "payment-reminder"]
    path: str
    body: JsonValue
    expected: Expected
    concurrency: int = MANY
    idempotent: bool = False
    """The key goes into the header `Idempotency-Key`."""
    existing_prefix: str | None = None
    """The prefix of keys that exist already, `MANY` of them, to be used instead of new ones."""

    async def measure(self, session: Session, *, until_idle: bool = False) -> tuple[Measured, str]:
        """Warm the system up, then measure it. Returns also the prefix of the measured keys."""
        name = f"{self.row}-{session.name}-{self.concurrency}"
        await session.generator.do(self._job(session, f"w-{name}", session.seconds * WARM_UP))
        job = self._job(session, f"m-{name}", session.seconds)
        return await session.measure(lambda: session.generator.do(job), until_idle=until_idle), job.prefix

    def _job(self, session: Session, prefix: str, seconds: float) -> HttpCalls | TemporalCalls:
        common: dict[str, Any] = {
            "prefix": self.existing_prefix or prefix,
            "keys": MANY if self.existing_prefix else None,
            "concurrency": self.concurrency,
            "seconds": seconds,
        }
        system = session.system
        if session.by_temporal_client:
            address, database_url = system.temporal_address, f"sqlite+aiosqlite:///{system.database}"
            return TemporalCalls.model_validate(
                {
                    "row": self.row,
                    "temporal_address": address,
                    "database_url": database_url,
                    "payload_keys": system.payload_keys,
                    **common,
                }
            )
        return HttpCalls(
            base_url=system.base_url,
            method="GET" if self.body is None else "POST",
            path=self.path,
            body=self.body,
            headers={**system.credentials, **({"idempotency-key": "{key}"} if self.idempotent else {})},
            expected=self.expected,
            **common,
        )


async def events_per_key(session: Session, pattern: Pattern, prefix: str, keys: int) -> float | None:
    """History events per key, of the first keys with this prefix. None if the system has no such histories."""
    if session.system.temporal is None:
        return None
    sampled = min(SAMPLED_HISTORIES, keys)
    ids = [pattern.execution_id(f"{prefix}-{number}") for number in range(sampled)]
    return await count_events(session.system.temporal, ids) / sampled
