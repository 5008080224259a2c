"""Which consumers of this process do not move records, for its readiness."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domain.subscription import ConsumerSnapshot, ConsumerTask, SubscriptionBroken
from infra.readiness import NotReady

RESTARTED_WITHIN_SECONDS = 30.0
"""Temporal starts a consumer that failed again within 10 s, here or on another worker."""

Report = Callable[[ConsumerSnapshot], None]


class RunningConsumers:
    """What the consumers of this process reported last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stalls: dict[str, str | None] = {}
        self._failures: dict[str, tuple[str, float]] = {}

    @contextmanager
    def running(self, task: ConsumerTask, report: Report) -> Iterator[Report]:
        """Yield what a consumer reports with while it runs. It has the stall of the one before until it says other."""
        name = f"{task.subscription.name}, consumer {task.member + 1}"
        self._stalls[name] = task.stall.reason if task.stall else None
        self._failures.pop(name, None)

        def noting(snapshot: ConsumerSnapshot) -> None:
            self._stalls[name] = snapshot.stall.reason if snapshot.stall else None
            report(snapshot)

        try:
            yield noting
        except SubscriptionBroken:
            raise  # the subscription has ended, and this worker can serve others
        except Exception as error:
            self._failures[name] = f"it is started again: {type(error).__name__}: {error}", self._clock()
            raise
        finally:
            self._stalls.pop(name, None)

    async def check(self) -> None:
        """Raises `NotReady` if one does not move records, or failed and has not been started again."""
        oldest = self._clock() - RESTARTED_WITHIN_SECONDS
        self._failures = {name: (why, at) for name, (why, at) in self._failures.items() if at > oldest}
        still = {name: why for name, why in self._stalls.items() if why}
        still |= {name: why for name, (why, _) in self._failures.items() if name not in self._stalls}
        if still:
            name, why = next(iter(still.items()))
            others = f" (and {len(still) - 1} others)" if len(still) > 1 else ""
            raise NotReady("a consumer does not move records", f"{name}{others}: {why}")
