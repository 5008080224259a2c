"""Undo the steps of a saga in reverse order, until all of them are undone.

A compensation is registered before its step runs: a step that was interrupted may have done its work. A
compensation that keeps failing is stuck: it does not stop the others, is shown, and is retried until it succeeds, or
until an operator reports what was done by hand.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from domain.compensation import Compensation, CompensationStatus, Resolution
    from domain.metrics import COMPENSATIONS
    from workflows.policies import COMPENSATION, STUCK_COMPENSATION, Policy
    from workflows.steps import VISIBLE_STEPS, Steps

Action = Callable[[Steps, Policy], Awaitable[None]]
"""Undoes one step, in the mode of the steps, with the timeouts and retries of the policy."""
_OUTCOMES = (CompensationStatus.DONE, CompensationStatus.STUCK, CompensationStatus.RESOLVED)


class Compensations:
    """The compensations of one saga. `on_change` is called whenever the status of one changes."""

    def __init__(self, steps: Steps, on_change: Callable[[], None]) -> None:
        self._steps = steps
        self._actions: dict[str, Action] = {}
        self._compensations: dict[str, Compensation] = {}
        self._on_change = on_change

    def register(self, name: str, action: Action) -> None:
        """Add a compensation, unless it is registered already."""
        self._actions.setdefault(name, action)
        self._compensations.setdefault(name, Compensation(name=name, status=CompensationStatus.REGISTERED))

    def withdraw(self, name: str) -> None:
        """Withdraw a compensation, because its step is known to have done nothing."""
        del self._actions[name], self._compensations[name]

    def withdraw_all(self) -> None:
        """Withdraw every compensation."""
        self._actions.clear()
        self._compensations.clear()

    async def run(self) -> None:
        """Run each compensation that has not run, the last registered first; return when all are done or resolved.

        A cancellation during this changes nothing: the saga is being undone already.
        """
        running = asyncio.create_task(self._run())
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(running)

    async def _run(self) -> None:
        for name in self._with_status(CompensationStatus.REGISTERED):
            await self._attempt(name)
        await asyncio.gather(*(self._settle(name) for name in self.stuck()))

    def resolve(self, resolution: Resolution) -> None:
        """Carry out an operator's decision on a stuck compensation."""
        status = CompensationStatus.REGISTERED if resolution.retry else CompensationStatus.RESOLVED
        self._set(resolution.compensation, status, resolution.note)

    def stuck(self) -> list[str]:
        return self._with_status(CompensationStatus.STUCK)

    def report(self) -> list[Compensation]:
        """Every compensation, in the order in which they run."""
        return list(reversed(self._compensations.values()))

    async def _attempt(self, name: str) -> None:
        self._set(name, CompensationStatus.RUNNING)
        await self._try(name, self._steps, COMPENSATION)

    async def _settle(self, name: str) -> None:
        """Retry a stuck compensation until it is done, or an operator reports it as done by hand.

        As an activity, which shows the attempts and can be cancelled at any time.
        """
        while self._compensations[name].status is CompensationStatus.STUCK:
            trying = asyncio.create_task(self._try(name, VISIBLE_STEPS, STUCK_COMPENSATION))
            await workflow.wait_condition(lambda: self._compensations[name].status is not CompensationStatus.STUCK)
            trying.cancel()
            if self._compensations[name].status is CompensationStatus.REGISTERED:
                await self._attempt(name)

    async def _try(self, name: str, steps: Steps, policy: Policy) -> None:
        try:
            await self._actions[name](steps, policy)
        except ActivityError as failure:
            if is_cancelled_exception(failure):
                return  # the operator has decided
            self._set(name, CompensationStatus.STUCK, str(failure.cause or failure))
            workflow.logger.error(
                "Compensation is stuck: %s: %s. It is retried until it succeeds or an operator resolves it",
                name,
                failure.cause,
            )
        else:
            self._set(name, CompensationStatus.DONE)

    def _with_status(self, status: CompensationStatus) -> list[str]:
        return [each.name for each in self.report() if each.status is status]

    def _set(self, name: str, status: CompensationStatus, note: str = "") -> None:
        self._compensations[name] = Compensation(name=name, status=status, note=note)
        if status in _OUTCOMES:
            COMPENSATIONS.count(workflow.metric_meter(), compensation=name, outcome=status.lower())
        self._on_change()
