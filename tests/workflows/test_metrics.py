"""What workflows count, they count once, however often their history is replayed."""

import uuid

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.booking import BOOKING, CardDeclined
from tests.monitoring.recording import Recording
from tests.workflows.test_booking import TRIP, World, booking_activities
from workers.activity_methods import activity_methods
from workflows import search_attributes
from workflows.booking import BookingWorkflow


async def decline() -> None:
    raise CardDeclined("Payment could not be accepted!")


async def test_a_replay_counts_nothing(time_skipping: WorkflowEnvironment) -> None:
    recording, world = Recording(), World(before={"charge": decline})
    queue, trip = f"booking-{uuid.uuid4()}", f"trip-{uuid.uuid4()}"
    client = await Client.connect(
        time_skipping.client.service_client.config.target_host,
        data_converter=time_skipping.client.data_converter,
        runtime=recording.runtime,
    )
    activities = activity_methods(booking_activities(world))
    # Without a cache every workflow task replays the whole history.
    async with Worker(
        client, task_queue=queue, workflows=[BookingWorkflow], activities=activities, max_cached_workflows=0
    ):
        with pytest.raises(WorkflowFailureError):
            await client.execute_workflow(
                BookingWorkflow.run,
                TRIP,
                id=BOOKING.execution_id(trip),
                task_queue=queue,
                search_attributes=search_attributes.attributes(BOOKING, trip),
            )
    of_workflow = {"namespace": client.namespace, "task_queue": queue, "workflow_type": BOOKING.service}
    for name in ("refund payment", "cancel car", "cancel flight"):
        labels = {"compensation": name, "outcome": "done", **of_workflow}
        assert recording.value("booking_compensations_total", **labels) == 1, name
    for status in ("COMPENSATING", "FAILED"):
        assert recording.value("workflow_status_changes_total", status=status, **of_workflow) == 1, status
    replays = recording.value("temporal_workflow_task_replay_latency_count", **of_workflow)
    assert replays is not None
    assert replays > 5, "the history was replayed for each task"
