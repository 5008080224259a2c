"""A durable timer that stays as long as its time does: each that is replaced costs two events."""

import asyncio
from datetime import datetime

from temporalio import workflow


class Alarm:
    """At most one timer of a workflow."""

    def __init__(self) -> None:
        self._set_for: tuple[datetime | None, str] | None = None
        self._timer: asyncio.Task[None] | None = None

    def set(self, at: datetime | None, summary: str) -> None:
        """Ring at this time, which is to come, and at no other; with None not at all.

        `summary` says in the Web UI what follows then.
        """
        if self._set_for == (at, summary) and not self.rings():
            return
        if self._timer is not None:
            self._timer.cancel()
        self._set_for = at, summary
        self._timer = asyncio.create_task(workflow.sleep(at - workflow.now(), summary=summary)) if at else None

    def rings(self) -> bool:
        """Whether the time has come; until the alarm is set again."""
        return self._timer is not None and self._timer.done()
