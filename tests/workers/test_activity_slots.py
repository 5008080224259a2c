"""A pool whose slots are in use does not poll; one whose activities hang does not poll either, and is at fault."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from tests.eventually import eventually
from workers.activity_slots import ActivitySlots


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Held(ActivityInboundInterceptor):
    """Runs until it is released."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.released = asyncio.Event()

    async def execute_activity(self, _: ExecuteActivityInput) -> None:
        self.begun.set()
        await self.released.wait()


async def test_slots_are_in_use_while_activities_run_within_their_time() -> None:
    clock, held = Clock(), Held()
    slots = ActivitySlots(2, clock)
    environment = ActivityEnvironment()
    limit = environment.info.start_to_close_timeout or timedelta(0)
    assert limit

    async def run() -> None:
        await slots.intercept_activity(held).execute_activity(ExecuteActivityInput(run, [], None, {}))

    first = asyncio.create_task(environment.run(run))
    await asyncio.sleep(0)
    assert not slots.are_in_use()
    second = asyncio.create_task(environment.run(run))
    await eventually(slots.are_in_use)
    clock.now = limit.total_seconds() + 1
    assert not slots.are_in_use()
    clock.now = 0
    held.released.set()
    await asyncio.gather(first, second)
    assert not slots.are_in_use()


async def test_a_local_activity_uses_no_slot_of_those_that_poll() -> None:
    held, slots = Held(), ActivitySlots(1)
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, is_local=True)

    async def run() -> None:
        await slots.intercept_activity(held).execute_activity(ExecuteActivityInput(run, [], None, {}))

    running = asyncio.create_task(environment.run(run))
    await held.begun.wait()
    assert not slots.are_in_use()
    held.released.set()
    await running
