"""Which executions a request means: the conditions of a list, and of what is done to all that match."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Self, TypeVar

from fastapi import Depends, Query

from api.http.problems import Problem
from api.invokers.invocation import InvocationStatus
from api.invokers.selection import STATUSES, Selection
from api.security.access import CurrentCaller, must_reach
from domain.access import Caller
from domain.formats import Timestamp, read_time
from domain.pattern import MAX_KEY_LENGTH, Pattern, valid_key
from domain.patterns import PATTERNS
from domain.payload import Payload

P = TypeVar("P")
MAX_PATTERN_STATUS_LENGTH = 50
MAX_CURSOR_LENGTH = 200
SERVICES = {pattern.service: pattern for pattern in PATTERNS}
Service = Annotated[str | None, Query(json_schema_extra={"enum": list(SERVICES)}, description="All by default.")]
ListedKey = Annotated[str | None, Query(description="Only this key.", max_length=MAX_KEY_LENGTH)]
Status = Annotated[str | None, Query(json_schema_extra={"enum": sorted(STATUSES)})]
PatternStatus = Annotated[
    str | None,
    Query(
        alias="patternStatus",
        max_length=MAX_PATTERN_STATUS_LENGTH,
        description="What a workflow says of itself, as `COMPENSATION_STUCK`.",
    ),
]
Since = Annotated[Timestamp | None, Query(description="What started at this time or later.")]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR_LENGTH, description="Of `next`: continue there.")]


class NextCursor(Payload):
    """The query of the next page, beside the conditions of this one."""

    cursor: str

    @classmethod
    def of(cls, position: object | None) -> Self | None:
        return cls(cursor=str(position)) if position else None


@dataclass(frozen=True)
class Conditions:
    """What an execution must have to be meant; None for anything. `written_in` is `query.` or empty, for a body."""

    key: str | None = None
    status: str | None = None
    pattern_status: str | None = None
    since: str | None = None
    written_in: str = "query."

    def selection(self, patterns: tuple[Pattern, ...]) -> Selection:
        """Raises `Problem` 422, and `InvalidKey`."""
        if self.status is not None and self.status not in STATUSES:
            message = f"Executions cannot be searched for this status; for {', '.join(sorted(STATUSES))}."
            raise invalid(f"{self.written_in}status", message)
        return Selection(
            patterns,
            key=valid_key(self.key) if self.key is not None else None,
            statuses=(InvocationStatus(self.status),) if self.status else (),
            pattern_status=self.pattern_status,
            since=read_time(self.since) if self.since else None,
        )


async def asked(status: Status = None, pattern_status: PatternStatus = None, since: Since = None) -> Conditions:
    """The parameters that every list has."""
    return Conditions(status=status, pattern_status=pattern_status, since=since)


Asked = Annotated[Conditions, Depends(asked)]


async def listed(caller: CurrentCaller, conditions: Asked, service: Service = None, key: ListedKey = None) -> Selection:
    """What the parameters of a list mean. Raises `Problem` 403 and 422, and `InvalidKey`."""
    return replace(conditions, key=key).selection(reachable(caller, service))


def reachable(caller: Caller, service: str | None, written_in: str = "query.") -> tuple[Pattern, ...]:
    """The service, or all that the caller may reach.

    Raises `Problem` 403 for a service that the caller may not reach, 422 for one that does not exist.
    """
    if service is None:
        return tuple(p.of(caller.tenant) for p in PATTERNS if caller.may_reach(p.service))
    if service not in SERVICES:
        raise invalid(f"{written_in}service", f"There is no such service; there are {', '.join(SERVICES)}.")
    must_reach(caller, service)
    return (SERVICES[service].of(caller.tenant),)


def position(parse: Callable[[str], P], cursor: str | None, written_in: str = "query.") -> P | None:
    """Raises `Problem` 422."""
    try:
        return parse(cursor) if cursor is not None else None
    except ValueError:
        raise invalid(f"{written_in}cursor", "Use the `next` of the page before.") from None


def invalid(field: str, message: str) -> Problem:
    """A parameter, or a field of a body, that cannot be meant."""
    kind = "invalid-request" if field.startswith("query.") else "invalid-body"
    return Problem(422, kind, f"{field}: {message}", errors=[{"field": field, "message": message}])
