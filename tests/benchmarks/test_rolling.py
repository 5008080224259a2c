"""What `python -m benchmarks rolling` makes of its units and of histories."""

from types import SimpleNamespace
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks.harness.bodies import location
from benchmarks.rolling.command import Outcome
from benchmarks.rolling.histories import applied_at
from benchmarks.rolling.load import RECORD, TRIP, Unit


def test_units_that_were_sent_before_the_restarts_are_compared_with_the_others() -> None:
    sent = [(TRIP, 1.0, 0.3), (TRIP, 9.9, 0.1), (TRIP, 10.0, 2.0), (RECORD, 1.0, 5.0)]
    outcome = Outcome(10, [Unit(kind, "", sent_at, seconds) for kind, sent_at, seconds in sent])
    assert outcome.seconds(TRIP, restarting=False) == [0.1, 0.3]
    assert outcome.seconds(TRIP, restarting=True) == [2.0]


async def test_a_record_is_applied_when_the_first_task_after_its_signal_ends() -> None:
    events = [await signal(1, 0, 1), completed(2), await signal(3, 1, 2), completed(5)]

    async def fetch_history() -> SimpleNamespace:
        return SimpleNamespace(events=events)

    handle = SimpleNamespace(fetch_history=fetch_history)
    client: Any = SimpleNamespace(get_workflow_handle=lambda _: handle, data_converter=pydantic_data_converter)
    assert await applied_at(client, "package-tracker:p-1") == {0: 2.0, 1: 2.0, 2: 5.0}


async def signal(at: int, *numbers: int) -> HistoryEvent:
    batch = {"messages": [{"id": f"t-0-{number}", "body": location(number)} for number in numbers]}
    event = HistoryEvent(event_time=Timestamp(seconds=at), event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
    payloads = Payloads(payloads=await pydantic_data_converter.encode([batch]))
    event.workflow_execution_signaled_event_attributes.input.CopyFrom(payloads)
    return event


def completed(at: int) -> HistoryEvent:
    return HistoryEvent(event_time=Timestamp(seconds=at), event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
