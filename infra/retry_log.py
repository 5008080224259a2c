"""Logs what fails and is retried: a line per change, then at growing distance, so that an outage stays readable."""

import logging
import time
from collections.abc import Callable

FIRST_SECONDS = 10.0
LONGEST_SECONDS = 600.0


class Distances:
    """When something that repeats is logged: the first time, then after 10 s, 20 s, 40 s, up to every 10 minutes."""

    def __init__(self) -> None:
        self.last = 0.0
        """Seconds from the last line to the next one."""
        self._next_at = float("-inf")

    def due(self, now: float, *, changed: bool = False) -> bool:
        """Whether to log at `now`, in seconds of any clock; always if something `changed`. Counts as logged."""
        if not changed and now < self._next_at:
            return False
        self.last = min(2 * self.last or FIRST_SECONDS, LONGEST_SECONDS)
        self._next_at = now + self.last
        return True


class RetryLog:
    """The log of one thing that is retried until it works. Many callers may share it, and fail at the same time.

    What fails and works in turns costs two lines per distance, since a distance starts again from 10 s only after the
    thing has worked for longer than the last one.
    """

    def __init__(self, logger: logging.Logger, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`what` begins each line, for example "orders: writing dead letters"."""
        self._logger = logger
        self._what = what
        self._clock = clock
        self._distances = Distances()
        self._kinds: set[str] = set()
        self._since: float | None = None
        self._worked_at = float("-inf")
        self._attempts = 0
        self._shown = False

    def failed(self, error: BaseException, kind: str | None = None) -> None:
        """Count a failed attempt. Log it if its kind is new since the trouble began, or if the next line is due.

        The kind is the error's type, unless the error is of several kinds.
        """
        now, name = self._clock(), type(error).__name__
        kind = kind or name
        if self._since is None:
            self._begin(now)
        self._attempts += 1
        changed = kind not in self._kinds
        self._kinds.add(kind)
        if self._distances.due(now, changed=changed):
            self._shown = True
            seconds = now - (self._since or now)
            times = f", {self._attempts} times in {seconds:.0f} s," if self._attempts > 1 else ""
            self._logger.warning("%s fails%s and is retried: %s: %s", self._what, times, name, error)

    def worked(self) -> None:
        """Log that it works again, if a failure was logged."""
        if self._since is None:
            return
        now = self._clock()
        if self._shown:
            self._logger.warning("%s works again after %.0f s", self._what, now - self._since)
        self._since, self._worked_at, self._shown = None, now, False

    def _begin(self, now: float) -> None:
        self._since, self._attempts = now, 0
        if now - self._worked_at > self._distances.last:
            self._distances = Distances()
            self._kinds.clear()
