"""However a consumer ends, its last checkpoint is found if Temporal has it."""

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, RetryState, TimeoutError, TimeoutType

from domain.checkpoint import Checkpoint
from tests.consumer_snapshots import BEGUN
from workflows.consumer_ends import checkpoint_of

LAST = Checkpoint(incarnation="first", offsets={0: 5})
HEARTBEAT = BEGUN.model_copy(update={"received": 5, "delivered": 5, "checkpoint": LAST})


def lost(*heartbeats: object) -> TimeoutError:
    return TimeoutError("no heartbeat", type=TimeoutType.HEARTBEAT, last_heartbeat_details=heartbeats)


@pytest.mark.parametrize(
    ("cause", "found"),
    [
        (ApplicationError("Kafka is gone", LAST.model_dump(mode="json", by_alias=True)), LAST),
        (ApplicationError("Kafka is gone", None), None),
        (ApplicationError("Kafka is gone"), None),
        (lost(HEARTBEAT.model_dump(mode="json", by_alias=True)), LAST),
        (lost(), None),
        (CancelledError("Cancelled", "ACTIVITY_ID_NOT_STARTED"), None),
    ],
)
def test_the_checkpoint_of_a_failure(cause: BaseException, found: Checkpoint | None) -> None:
    failure = ActivityError(
        "failed",
        scheduled_event_id=5,
        started_event_id=6,
        identity="a worker",
        activity_type="consume",
        activity_id="1",
        retry_state=RetryState.CANCEL_REQUESTED,
    )
    failure.__cause__ = cause
    assert checkpoint_of(failure) == found


def test_the_checkpoint_of_a_consumer_that_drained() -> None:
    assert checkpoint_of(LAST) == LAST
    assert checkpoint_of(None) is None
