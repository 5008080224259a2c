"""Undo what was done, in reverse, until nothing is left to undo.

An undo is registered before the step it belongs to: a step that was cut off may have done its work. An undo that
keeps failing is stuck: it does not stop the ones before it, is shown, and is tried on until it succeeds, or until an
operator reports what was done by hand.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from domain.booking import Resolution, Undo, UndoStatus
    from workflows import policies

Action = Callable[[policies.Policy], Awaitable[None]]
"""Undo one thing, timed and retried as it is told."""


class Compensations:
    """The undo stack of one saga. `on_change` is told whenever an undo's status changes."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._actions: dict[str, Action] = {}
        self._undos: dict[str, Undo] = {}
        self._on_change = on_change

    def register(self, name: str, action: Action) -> None:
        """Add an undo; one that is there already stays as it is."""
        self._actions.setdefault(name, action)
        self._undos.setdefault(name, Undo(name=name, status=UndoStatus.REGISTERED))

    def withdraw(self, name: str) -> None:
        """Take an undo back, because its step is known to have done nothing."""
        del self._actions[name], self._undos[name]

    def withdraw_all(self) -> None:
        """Take every undo back."""
        self._actions.clear()
        self._undos.clear()

    async def run(self) -> None:
        """Run every undo that has not run, the last registered first; return when each is done or resolved.

        A cancellation that comes during it changes nothing: what it asks for is what happens already.
        """
        running = asyncio.create_task(self._run())
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(running)

    async def _run(self) -> None:
        for name in self._with_status(UndoStatus.REGISTERED):
            await self._attempt(name)
        await asyncio.gather(*(self._settle(name) for name in self.stuck()))

    def resolve(self, resolution: Resolution) -> None:
        """Carry out an operator's decision on a stuck undo."""
        status = UndoStatus.REGISTERED if resolution.retry else UndoStatus.RESOLVED
        self._set(resolution.compensation, status, resolution.note)

    def stuck(self) -> list[str]:
        return self._with_status(UndoStatus.STUCK)

    def report(self) -> list[Undo]:
        """Every undo, in the order in which they run."""
        return list(reversed(self._undos.values()))

    async def _attempt(self, name: str) -> None:
        self._set(name, UndoStatus.RUNNING)
        await self._try(name, policies.UNDO)

    async def _settle(self, name: str) -> None:
        """Go on with a stuck undo until it is done, or an operator says that it is."""
        while self._undos[name].status is UndoStatus.STUCK:
            trying = asyncio.create_task(self._try(name, policies.STUCK_UNDO))
            await workflow.wait_condition(lambda: self._undos[name].status is not UndoStatus.STUCK)
            trying.cancel()
            if self._undos[name].status is UndoStatus.REGISTERED:
                await self._attempt(name)

    async def _try(self, name: str, policy: policies.Policy) -> None:
        try:
            await self._actions[name](policy)
        except ActivityError as failure:
            if is_cancelled_exception(failure):
                return  # the operator has decided
            self._set(name, UndoStatus.STUCK, str(failure.cause or failure))
            workflow.logger.error("Compensation is stuck: %s: %s", name, failure.cause)
        else:
            self._set(name, UndoStatus.DONE)

    def _with_status(self, status: UndoStatus) -> list[str]:
        return [undo.name for undo in self.report() if undo.status is status]

    def _set(self, name: str, status: UndoStatus, note: str = "") -> None:
        self._undos[name] = Undo(name=name, status=status, note=note)
        self._on_change()
