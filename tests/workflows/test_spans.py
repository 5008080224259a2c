"""A workflow that is replayed does not send its spans again."""

import uuid
from collections.abc import Iterator

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.booking import BOOKING, CardDeclined
from domain.steps import StepMode
from infra.tracing import spans
from infra.tracing.sdk import recording
from tests.collector import Collector, collecting
from tests.eventually import eventually
from tests.workflows.test_booking import FORWARD, TRIP, World, booking_activities, refuse
from workers.activity_methods import activity_methods
from workflows.booking import BookingWorkflow

RUN = "RunWorkflow:BookingWorkflow"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        with recording("test") as recorder:
            spans.switch(recorder)
            try:
                yield running
            finally:
                spans.switch(None)


async def book(environment: WorkflowEnvironment, world: World, steps: StepMode) -> None:
    """Book a trip with a worker that remembers no workflow: each task replays it from its first event."""
    plain = environment.client
    client = Client(plain.service_client, data_converter=plain.data_converter, interceptors=spans.interceptors())
    activities = booking_activities(world)
    queue = f"booking-{uuid.uuid4()}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=[BookingWorkflow],
        activities=activity_methods(activities),
        max_cached_workflows=0,
    ):
        trip_id = BOOKING.execution_id(str(uuid.uuid4()))
        with spans.span("call", "INTERNAL"):
            trip = TRIP.model_copy(update={"steps": steps})
            handle = await client.start_workflow(BookingWorkflow.run, trip, id=trip_id, task_queue=queue)
        try:
            await handle.result()
        finally:
            await handle.query(BookingWorkflow.state)


async def test_a_run_that_is_replayed_for_each_of_its_steps_is_one_span(
    time_skipping: WorkflowEnvironment, collector: Collector, steps: StepMode
) -> None:
    await book(time_skipping, world := World(), steps)
    assert world.calls == FORWARD
    await eventually(lambda: collector.named(RUN))
    (run,) = collector.named(RUN)
    calls = [span for span in collector.spans if span.parent == run.id]
    assert len(calls) == len(FORWARD)
    assert len({span.id for span in collector.spans}) == len(collector.spans)
    assert not run.failed


async def test_a_run_that_fails_is_one_span_with_the_error(
    time_skipping: WorkflowEnvironment, collector: Collector, steps: StepMode
) -> None:
    world = World()
    world.before["charge"] = refuse(CardDeclined("👻 Payment could not be accepted!"))
    with pytest.raises(WorkflowFailureError):
        await book(time_skipping, world, steps)
    await eventually(lambda: collector.named(RUN))
    (run,) = collector.named(RUN)
    assert run.attributes["error.type"] == "TripFailed"
    assert not run.failed, "it is an expected outcome"
