"""Planted faults: the product's own classes, each with a mistake that its pattern must avoid."""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import JsonValue
from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from activities.booking import BookingActivities
    from activities.message_queue import MessageQueueActivities
    from domain.booking import BOOKING, Trip, TripConfirmation
    from domain.inbox import Batch
    from domain.message_queue import WorkDone
    from domain.package_tracker import PACKAGE_TRACKER, LocationUpdate, PackageInput
    from workflows.booking import BookingWorkflow
    from workflows.package_tracker import PackageTracker
    from workflows.steps import Steps


@workflow.defn(name=PACKAGE_TRACKER.service)
class PackageThatForgetsItsWatermark(PackageTracker):
    @workflow.init
    def __init__(self, start: PackageInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: PackageInput) -> None:
        await super().run(start)

    @workflow.signal
    def locations_received(self, batch: Batch[LocationUpdate]) -> None:
        self._inbox.watermarks.clear()
        super().locations_received(batch)


@workflow.defn(name=BOOKING.service)
class SagaThatRegistersItsCompensationsTooLate(BookingWorkflow):
    @workflow.init
    def __init__(self, trip: Trip) -> None:
        super().__init__(trip)
        self._late: list[str] = []

    @workflow.run
    async def run(self, trip: Trip) -> TripConfirmation:
        return await super().run(trip)

    def _compensate_with(self, name: str) -> None:
        self._late.append(name)

    async def _step(self, what: str, activity: Callable[[BookingActivities, Any], Awaitable[Any]], request: Any) -> Any:
        result = await super()._step(what, activity, request)
        for name in self._late:
            super()._compensate_with(name)
        self._late.clear()
        return result


class StepsThatForgetLostTasks(Steps):
    def may_have_done_more(self, failure: BaseException) -> bool:
        return False


@workflow.defn(name=BOOKING.service)
class SagaThatUndoesOnlyWhatItRemembers(BookingWorkflow):
    @workflow.init
    def __init__(self, trip: Trip) -> None:
        super().__init__(trip)
        self._steps = StepsThatForgetLostTasks(trip.steps)

    @workflow.run
    async def run(self, trip: Trip) -> TripConfirmation:
        return await super().run(trip)


class TaskWhoseAnswerIsLostOnce(MessageQueueActivities):
    """No mistake: the first attempt does the work, but Temporal never gets its result."""

    @activity.defn(name="heavy_work")
    async def heavy_work(self, payload: JsonValue) -> WorkDone:
        done = await self._do(payload)
        if activity.info().attempt == 1:
            raise ConnectionError("the answer is lost")
        return done

    async def _do(self, payload: JsonValue) -> WorkDone:
        return await super().heavy_work(payload)


class TaskThatRunsTwice(TaskWhoseAnswerIsLostOnce):
    """Its idempotency key differs by attempt."""

    async def _do(self, payload: JsonValue) -> WorkDone:
        info = activity.info()
        return WorkDone(result=await self._work.do(f"{info.activity_id}:{info.attempt}", payload), payload=payload)
