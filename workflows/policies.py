"""Timeouts and retries, each with its reason. No value is left to a default."""

from datetime import timedelta
from typing import NotRequired, TypedDict

from temporalio.common import RetryPolicy


class Policy(TypedDict):
    """The timeouts and retries of one kind of activity."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: NotRequired[timedelta]
    retry_policy: RetryPolicy


TASK_TIMEOUT = timedelta(seconds=10)
"""How long a worker may take for one task of a workflow before Temporal gives it to another worker: if a worker is
killed, the workflows that it was working on wait this long. A task takes milliseconds, but seconds on a busy machine,
or if it replays thousands of events. With 5 s, repeated tasks kept an overloaded machine overloaded."""

LOCAL_ATTEMPT = Policy(
    # The task of the workflow waits for it, and with it every signal, update and cancellation. What takes longer, or
    # fails, is worth its own events: it goes on as an activity, visibly.
    start_to_close_timeout=timedelta(seconds=1),
    schedule_to_close_timeout=timedelta(seconds=1),
    retry_policy=RetryPolicy(maximum_attempts=1),
)

BOOKING_STEP = Policy(
    # After five minutes without an answer the trip is undone: that is better for the traveller than to wait longer.
    start_to_close_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(minutes=5),
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=30)),
)

COMPENSATION = Policy(
    # Retried for a minute, the length of a restart. If it fails for longer, the others do not wait for it.
    start_to_close_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(minutes=1),
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10)),
)

STUCK_COMPENSATION = Policy(
    # Retried without limit, since a seat stays reserved until it is cancelled. An operator may resolve it earlier.
    start_to_close_timeout=timedelta(seconds=10),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=10), maximum_interval=timedelta(minutes=1)),
)

DATABASE = Policy(
    # One idempotent write to our own database. Retried without limit: the entity cannot continue without it. During an
    # outage it shows as a pending activity with its last error.
    start_to_close_timeout=timedelta(seconds=10),
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=30)),
)


def moderation(poll_interval: timedelta, time_left: timedelta) -> Policy:
    """Questions to the moderation service, at a constant interval until the post goes to a person."""
    return Policy(
        start_to_close_timeout=timedelta(seconds=10),
        schedule_to_close_timeout=time_left,
        retry_policy=RetryPolicy(initial_interval=poll_interval, backoff_coefficient=1.0),
    )


MAIL = Policy(
    # A mail server may be down for a while; if it stays down, the tracker continues with the next reminder.
    start_to_close_timeout=timedelta(seconds=30),
    schedule_to_close_timeout=timedelta(hours=1),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5)),
)


class HeartbeatPolicy(Policy):
    heartbeat_timeout: timedelta


SUBTASK_BATCH = HeartbeatPolicy(
    # A batch is up to 100 subtasks, 40 at a time; five attempts, each of which keeps the finished subtasks.
    start_to_close_timeout=timedelta(minutes=30),
    schedule_to_close_timeout=timedelta(hours=3),
    # The longest that a subtask may go without finishing; a lost worker is noticed after this.
    heartbeat_timeout=timedelta(seconds=60),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=500),
        maximum_interval=timedelta(seconds=30),
        maximum_attempts=5,
    ),
)


KEEP_OFFSETS = Policy(
    # A subscription that is resumed waits for it. If it fails, the next one follows after `KEEP_OFFSETS_INTERVAL`.
    start_to_close_timeout=timedelta(seconds=20),
    schedule_to_close_timeout=timedelta(seconds=20),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1)),
)

KEEP_OFFSETS_INTERVAL = timedelta(hours=6)
"""Kafka forgets offsets after 7 days by default. If it does so sooner, a consumer begins with the checkpoint."""

CONSUME = HeartbeatPolicy(
    # A consumer has no end. It is restarted each day, so that no connection is used indefinitely.
    start_to_close_timeout=timedelta(hours=24),
    # Heartbeats come every two seconds: a lost worker's partitions are taken over after this.
    heartbeat_timeout=timedelta(seconds=10),
    # Retried without limit: an outage of Kafka may last. An error that only an operator can fix is not retried.
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10)),
)
