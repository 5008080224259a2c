"""Slots of a worker: as many as there are, and none for further tasks once they are closed."""

import asyncio
from dataclasses import dataclass
from typing import Any
from unittest.mock import MagicMock

from temporalio.worker import SlotPermit

from workers.slots import ClosableSlots


@dataclass(frozen=True)
class Poll:
    """What the SDK says of a poll."""

    is_sticky: bool = False


SHARED: Any = Poll()
STICKY: Any = Poll(is_sticky=True)
UNUSED: Any = MagicMock(slot_info=None)
USED: Any = MagicMock(slot_info="a task")


def make(count: int) -> ClosableSlots:
    return ClosableSlots(count, MagicMock())


async def reserve(slots: ClosableSlots, poll: Any) -> "asyncio.Task[SlotPermit]":
    """Begin to reserve a slot, and return when it is reserved or has to wait."""
    reserving = asyncio.create_task(slots.reserve_slot(poll))
    await settled()
    return reserving


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_slot_is_waited_for_until_another_is_released() -> None:
    slots = make(1)
    assert (await reserve(slots, SHARED)).done()
    second = await reserve(slots, SHARED)
    assert not second.done()
    assert slots.try_reserve_slot(SHARED) is None
    await asyncio.to_thread(slots.release_slot, UNUSED)
    await asyncio.wait_for(second, 10)


async def test_a_poll_that_is_given_up_leaves_the_slot_to_the_next() -> None:
    slots = make(1)
    await reserve(slots, SHARED)
    given_up, waiting = await reserve(slots, SHARED), await reserve(slots, STICKY)
    slots.release_slot(UNUSED)
    given_up.cancel()
    await asyncio.wait_for(waiting, 10)


async def test_closed_slots_are_for_workflows_in_memory_only() -> None:
    slots = make(2)
    await reserve(slots, SHARED)
    slots.close()
    shared = await reserve(slots, SHARED)
    assert slots.try_reserve_slot(SHARED) is None
    assert (await reserve(slots, STICKY)).done()
    waiting = await reserve(slots, STICKY)
    slots.release_slot(UNUSED)
    await asyncio.wait_for(waiting, 10)
    assert not shared.done()
    shared.cancel()


async def test_a_poll_is_open_until_it_has_brought_a_task_or_nothing() -> None:
    gauge = MagicMock()
    slots = ClosableSlots(3, gauge)
    await reserve(slots, SHARED)
    await reserve(slots, STICKY)
    assert slots.open_polls == 2
    slots.mark_slot_used(USED)
    slots.release_slot(UNUSED)
    assert slots.open_polls == 0
    slots.release_slot(USED)
    assert slots.open_polls == 0
    assert [call.args for call in gauge.set.call_args_list] == [(3,), (2,), (2,), (3,)]


async def test_slots_are_idle_from_the_last_task_on_that_came_or_was_answered() -> None:
    slots = make(1)
    for change in (slots.mark_slot_used, slots.release_slot):
        await asyncio.sleep(0.01)
        before = slots.idle_seconds
        change(USED)
        assert slots.idle_seconds < before


async def test_a_poll_that_brings_nothing_leaves_slots_idle() -> None:
    slots = make(1)
    await asyncio.sleep(0.01)
    before = slots.idle_seconds
    slots.release_slot(UNUSED)
    assert slots.idle_seconds >= before
