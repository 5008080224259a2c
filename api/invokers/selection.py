"""Which executions are meant: by pattern, key, status and time, as conditions for Temporal's index."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.invokers.invocation import InvocationStatus
from clients.visibility import condition
from domain.access import DEFAULT_TENANT
from domain.message_queue import MESSAGE_QUEUE
from domain.pattern import Entity, Pattern
from workflows.search_attributes import KEY, PATTERN, STATUS

OPEN = "Running"
IN_TEMPORAL = {
    InvocationStatus.SCHEDULED: (OPEN,),
    InvocationStatus.RUNNING: (OPEN, "ContinuedAsNew"),
    InvocationStatus.COMPLETED: ("Completed",),
    InvocationStatus.FAILED: ("Failed",),
    InvocationStatus.TIMED_OUT: ("TimedOut",),
    InvocationStatus.CANCELLED: ("Canceled",),
    InvocationStatus.TERMINATED: ("Terminated",),
}
"""The names that Temporal's index has for a status. A run that continued as new stands for its execution while pages
are read, see `api.invokers.executions`."""
STATUSES = frozenset(IN_TEMPORAL)
"""What executions can be searched for: the index does not know which are paused."""


@dataclass(frozen=True)
class Execution:
    """An execution as the index has it."""

    id: str
    run_id: str
    pattern: Pattern
    key: str | None
    status: InvocationStatus
    pattern_status: str | None
    """What the pattern's workflow says of itself, such as `COMPENSATING`."""
    started_at: datetime
    execution_time: datetime | None
    finished_at: datetime | None
    is_activity: bool


@dataclass(frozen=True)
class Selection:
    """Which executions: those of `patterns`, which have the tenant."""

    patterns: tuple[Pattern, ...]
    key: str | None = None
    statuses: tuple[InvocationStatus, ...] = ()
    """Any if there are none."""
    pattern_status: str | None = None
    """What the pattern's workflow says of itself: no activity has one."""
    since: datetime | None = None
    with_activities: bool = True
    """Tasks, and delayed messages to entities."""
    with_entities: bool = True
    """The workflows of entities, which last."""

    @property
    def workflows(self) -> tuple[Pattern, ...]:
        """The patterns whose workflows are meant."""
        return tuple(
            each
            for each in self.patterns
            if each.name != MESSAGE_QUEUE.name and (self.with_entities or not isinstance(each, Entity))
        )

    @property
    def activities(self) -> tuple[Pattern, ...]:
        """The patterns whose activities are meant."""
        if not self.with_activities or self.pattern_status is not None:
            return ()
        return tuple(each for each in self.patterns if each.name == MESSAGE_QUEUE.name or isinstance(each, Entity))

    @property
    def may_be_open(self) -> bool:
        return not self.statuses or OPEN in self._names

    @property
    def _names(self) -> set[str]:
        return {name for status in self.statuses for name in IN_TEMPORAL[status]}

    def query(self, patterns: Sequence[Pattern], id_attribute: str) -> str:
        """The condition for the index, of those of `patterns`. It may hold for more: see `includes`."""
        parts = [
            f"{PATTERN.name} IN ({', '.join(repr(pattern.name) for pattern in patterns)})",
            f"({' OR '.join(f'{id_attribute} STARTS_WITH {prefix!r}' for prefix in _prefixes(patterns))})",
        ]
        if self.key is not None:
            parts.append(condition(KEY.name, self.key))
        if self.pattern_status is not None:
            parts.append(condition(STATUS.name, self.pattern_status))
        if self.statuses:
            parts.append(f"ExecutionStatus IN ({', '.join(map(repr, sorted(self._names)))})")
        return " AND ".join(parts)

    def includes(self, execution: Execution) -> bool:
        return (
            self.key in (None, execution.key)
            and self.pattern_status in (None, execution.pattern_status)
            and (not self.statuses or execution.status in self.statuses)
        )


def _prefixes(patterns: Sequence[Pattern]) -> Iterator[str]:
    tenants = {pattern.tenant for pattern in patterns}
    if tenants == {DEFAULT_TENANT}:
        yield from (pattern.id_prefix for pattern in patterns)
    else:
        yield from (f"{tenant}/" for tenant in sorted(tenants))
