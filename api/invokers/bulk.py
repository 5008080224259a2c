"""One operation for each of a selection, with a report: which of them it was done for, and why not for the others.

One request selects `MAX_SELECTED` at most, `AT_ONCE` of all requests are carried out at a time, and a request ends
after `TIME_LIMIT`. What it left is in its report, and repeating it does nothing twice.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from pydantic import Field

from api.http.failures import failure_of
from api.http.problems import Problem, refusal_problem
from api.invokers.written_ids import WrittenId
from domain.errors import Refusal
from domain.payload import Payload

log = logging.getLogger("api")

MAX_SELECTED = 200
"""Items of one request."""
AT_ONCE = 16
"""Items of all requests to a gateway that are carried out at a time; each is one to three calls to Temporal."""
TIME_LIMIT = timedelta(seconds=15)
"""For a request, with the list of what it selects. Proxies often end an answer after 30 s."""


class ItemOutcome(StrEnum):
    DONE = "DONE"
    """It was accepted, now or before."""
    SELECTED = "SELECTED"
    """A dry run: it would be tried."""
    REFUSED = "REFUSED"
    """It would be refused each time: `reason` says why."""
    LEFT = "LEFT"
    """Not done within the time limit, or Temporal did not answer: repeat the request for it."""


class Item(Payload):
    """One of a selection, and what became of it."""

    invocation_id: WrittenId
    outcome: ItemOutcome
    type: Annotated[str | None, Field(description="Of the problem that it would be by itself.")] = None
    reason: str | None = None


@dataclass
class Bulk:
    """Carries operations out. One for all requests to a gateway."""

    time_limit: timedelta = TIME_LIMIT
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def begin(self) -> "Request":
        """A request, whose time begins now."""
        return Request(self, asyncio.get_running_loop().time() + self.time_limit.total_seconds())

    async def carry_out(self, act: Callable[[], Awaitable[object]]) -> Problem | None:
        """Do one thing, and return why it was not done."""
        async with self._slots:
            try:
                await act()
            except Problem as problem:
                return problem
            except Refusal as refusal:
                return refusal_problem(refusal)
            except Exception as error:
                if failure := failure_of(error):
                    return failure
                log.exception("Unexpected error for one of a selection")
                return Problem(500, "internal-error", "The gateway failed unexpectedly; its log has the reason.")
        return None


@dataclass(frozen=True)
class Request:
    """One request: its operations begin at the same time as others', and end at its deadline."""

    bulk: Bulk
    deadline: float
    """In seconds of the event loop's clock."""

    async def report(
        self, operations: Mapping[str, Callable[[], Awaitable[object]]], *, dry_run: bool = False
    ) -> list[Item]:
        """Carry out an operation for each ID, or none in a dry run.

        Raises the `Problem` 503 if all of them have met the same one.
        """
        if dry_run:
            return [Item(invocation_id=id, outcome=ItemOutcome.SELECTED) for id in operations]
        tasks = {id: asyncio.create_task(self.bulk.carry_out(act)) for id, act in operations.items()}
        try:
            if tasks:
                remaining = self.deadline - asyncio.get_running_loop().time()
                await asyncio.wait(tasks.values(), timeout=max(remaining, 0))
        finally:
            for task in tasks.values():
                task.cancel()
        ended = {id: task.result() for id, task in tasks.items() if task.done() and not task.cancelled()}
        _raise_if_none_was_reached([ended.get(id) for id in tasks])
        return [_item(id, ended[id]) if id in ended else self._late(id) for id in tasks]

    def _late(self, id: str) -> Item:
        seconds = self.bulk.time_limit.total_seconds()
        return Item(invocation_id=id, outcome=ItemOutcome.LEFT, reason=f"It was not done within {seconds:g} s.")


def _item(id: str, problem: Problem | None) -> Item:
    if problem is None:
        return Item(invocation_id=id, outcome=ItemOutcome.DONE)
    outcome = ItemOutcome.LEFT if problem.status == HTTPStatus.SERVICE_UNAVAILABLE else ItemOutcome.REFUSED
    return Item(invocation_id=id, outcome=outcome, type=f"urn:problem:{problem.type}", reason=problem.detail)


def _raise_if_none_was_reached(problems: Sequence[Problem | None]) -> None:
    """A report without any success or reason would hide that Temporal cannot be used."""
    first = problems[0] if problems else None
    if first and first.status == HTTPStatus.SERVICE_UNAVAILABLE and all(p and p.type == first.type for p in problems):
        raise first
