"""Executions to list: jobs and tasks whose delay ends in a month, so that they cost a start and never run.

Every `CLOSED_EVERY`th is cancelled or terminated, so that open and closed ones are mixed. All belong to the gateway's
services and have its search attributes: for the index they are what the gateway would start.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError

from domain.fan_out import FAN_OUT
from domain.message_queue import MESSAGE_QUEUE
from workflows.search_attributes import attributes

DELAY = timedelta(days=30)
ATTEMPT = timedelta(minutes=1)
AT_ONCE = 100
CLOSED_EVERY = 9
"""Odd, so that tasks and jobs are among them. Closing one costs Temporal as much as starting it."""
TASKS_EVERY = 2
"""One in so many is a task, a standalone activity; the others are jobs, which are workflows."""


@dataclass
class Executions:
    """`started` are the keys of those that Temporal has accepted."""

    client: Client
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    started: set[str] = field(default_factory=set)

    async def start_many(self, count: int, on_progress: Callable[[int], None]) -> None:
        """Start so many as fast as Temporal takes them. For those that it refuses, others are started."""
        tried = 0

        async def start_some(numbers: Iterator[int]) -> None:
            for number in numbers:
                await self._add(number)
                on_progress(len(self.started))

        while missing := count - len(self.started):
            numbers = iter(range(tried, tried + missing))
            tried += missing
            await asyncio.gather(*(start_some(numbers) for _ in range(AT_ONCE)))

    async def add(self, rate: float, stop: asyncio.Event) -> None:
        """Start `rate` per second until `stop` is set. What a busy Temporal refuses is not `started`."""
        async with asyncio.TaskGroup() as group:
            number = 0
            while not stop.is_set():
                group.create_task(self._add(-1 - number))
                number += 1
                await asyncio.sleep(1 / rate)

    async def are_listed(self) -> bool:
        """Whether the index, which is a moment behind, has them all: one that seemed refused may be there, too."""
        jobs = await self.client.count_workflows(f"WorkflowId STARTS_WITH '{FAN_OUT.id_prefix}{self.run}'")
        tasks = await self.client.count_activities(f"ActivityId STARTS_WITH '{MESSAGE_QUEUE.id_prefix}{self.run}'")
        return jobs.count + tasks.count >= len(self.started)

    async def _add(self, number: int) -> None:
        with suppress(RPCError):
            await self._start(number)

    async def _start(self, number: int) -> None:
        key = f"{self.run}{'' if number >= 0 else '-added'}-{abs(number)}"
        is_closed = number % CLOSED_EVERY == 0
        await (self._start_task(key, is_closed) if number % TASKS_EVERY else self._start_job(key, is_closed))
        self.started.add(key)

    async def _start_job(self, key: str, is_closed: bool) -> None:
        handle = await self.client.start_workflow(
            FAN_OUT.service,
            {"description": "a"},
            id=FAN_OUT.execution_id(key),
            task_queue=FAN_OUT.task_queue,
            start_delay=DELAY,
            search_attributes=attributes(FAN_OUT, key),
        )
        if is_closed:
            await handle.terminate()

    async def _start_task(self, key: str, is_closed: bool) -> None:
        handle = await self.client.start_activity(
            "heavy_work",
            None,
            id=MESSAGE_QUEUE.execution_id(key),
            task_queue=MESSAGE_QUEUE.task_queue,
            start_to_close_timeout=ATTEMPT,
            start_delay=DELAY,
            search_attributes=attributes(MESSAGE_QUEUE, key),
        )
        if is_closed:
            await handle.cancel()
