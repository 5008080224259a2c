"""Whether a process can do its work: checks that run at the same time and have an answer within 2 s."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any

from infra.database_errors import DatabaseUnavailable
from infra.retry_log import RetryLog

log = logging.getLogger("readiness")

CHECK_TIMEOUT = timedelta(seconds=2)
"""For each check, and so for the whole answer."""
OK = "ok"

Checking = Callable[[timedelta], Coroutine[Any, Any, None]]
"""Takes how long each of its calls may take. Raises `NotReady` or `DatabaseUnavailable`."""


class NotReady(Exception):
    """A check failed. `state` says how, in words for anyone; the text is for the log."""

    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.state = state


class Readiness:
    """The checks of one process, by what they are about."""

    def __init__(self, checks: Mapping[str, Checking], is_draining: Callable[[], bool]) -> None:
        self._checks = {name: Check(name, checking) for name, checking in checks.items()}
        self._is_draining = is_draining

    async def document(self) -> tuple[bool, dict[str, Any]]:
        """Whether it is ready, and what `/ready` says. A process that drains checks nothing any more."""
        if self._is_draining():
            return False, {"status": "draining"}
        states = await asyncio.gather(*(check.state() for check in self._checks.values()))
        is_ready = all(state == OK for state in states)
        checks = dict(zip(self._checks, states, strict=True))
        return is_ready, {"status": "ready" if is_ready else "not ready", "checks": checks}


class Check:
    """One part of readiness. Its log has the reason, once per change."""

    def __init__(self, name: str, checking: Checking) -> None:
        self._checking = checking
        self._outages = RetryLog(log, f"the check of {name}")

    async def state(self) -> str:
        """`OK`, or what is wrong. A check without an answer is left to end by itself."""
        task = asyncio.ensure_future(self._checking(CHECK_TIMEOUT))
        await asyncio.wait({task}, timeout=CHECK_TIMEOUT.total_seconds())
        if not task.done():
            task.cancel()
            task.add_done_callback(_ended)
            seconds = CHECK_TIMEOUT.total_seconds()
            return self._failed(TimeoutError(f"no answer within {seconds:g} s"), "does not answer")
        try:
            task.result()
        except DatabaseUnavailable as unavailable:
            return unavailable.state  # the database has logged it
        except NotReady as failed:
            return self._failed(failed, failed.state)
        except Exception as error:  # a fault of the check is no reason to restart, which a 500 would be for some
            return self._failed(error, "cannot be checked")
        self._outages.worked()
        return OK

    def _failed(self, error: Exception, state: str) -> str:
        self._outages.failed(error, state)
        return state


def _ended(task: asyncio.Future[None]) -> None:
    """Take the error of a check that nothing waits for."""
    if not task.cancelled():
        task.exception()
