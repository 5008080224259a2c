"""Executions that began with older code go on with this code: their histories replay."""

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from activities.booking import BookingActivities
from domain.booking import Trip
from workers.pools import POOLS

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
WORKFLOWS = [pool.workflow for pool in POOLS if pool.workflow]
REMEDY = """
{name} does not replay: executions that are open with the older code would be stuck. Put the change behind
workflow.patched("..."), or give the new code a worker version of its own: docs/upgrades.md. Do not record it anew."""


def read(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text())


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
async def test_a_recorded_history_replays(file: Path) -> None:
    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter)
    result = await replayer.replay_workflow(read(file), raise_on_replay_failure=False)
    assert result.replay_failure is None, f"{result.replay_failure}{REMEDY.format(name=file.name)}"


def test_every_pattern_has_a_recorded_history() -> None:
    recorded = {
        read(file).events[0].workflow_execution_started_event_attributes.workflow_type.name for file in HISTORIES
    }
    assert recorded == {"BookingWorkflow", "PaymentTracker", "FanOutWorker", "UserFeed", "PackageTracker"}


@workflow.defn(name="BookingWorkflow", sandboxed=False)
class CarBeforeFlight:
    """The saga with its steps exchanged: what must not happen to open trips."""

    @workflow.run
    async def run(self, trip: Trip) -> None:
        await workflow.execute_activity_method(
            BookingActivities.cancel_car, "booking:trip0:car", start_to_close_timeout=timedelta(seconds=10)
        )


async def test_a_changed_order_of_steps_does_not_replay() -> None:
    replayer = Replayer(workflows=[CarBeforeFlight], data_converter=pydantic_data_converter)
    booked = next(file for file in HISTORIES if file.stem == "booked")
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(read(booked))
