"""Which activities of a pool run: one whose slots are all in use does not poll, and is not at fault."""

import time
from collections.abc import Callable
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor


class ActivitySlots(Interceptor):
    """Counts the activities of one pool."""

    def __init__(self, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots = slots
        self._clock = clock
        self._ends: dict[object, float] = {}
        """When the time of each is over: one that goes on after that hangs, and nothing waits for it."""

    def are_in_use(self) -> bool:
        """Whether all slots are in use, by activities that still have time."""
        now = self._clock()
        return sum(end > now for end in self._ends.values()) >= self._slots

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Counted(next, self)

    def begins(self, one: object, seconds: float) -> None:
        self._ends[one] = self._clock() + seconds

    def ended(self, one: object) -> None:
        del self._ends[one]


class _Counted(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, slots: ActivitySlots) -> None:
        super().__init__(next)
        self._slots = slots

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info, one = activity.info(), object()
        if info.is_local:  # it has a slot of another kind, and no poll waits for that
            return await super().execute_activity(input)
        longest = info.start_to_close_timeout or info.schedule_to_close_timeout
        self._slots.begins(one, longest.total_seconds() if longest else float("inf"))
        try:
            return await super().execute_activity(input)
        finally:
            self._slots.ended(one)
