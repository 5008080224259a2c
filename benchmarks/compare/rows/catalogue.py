"""All rows, in the order in which they are measured and shown."""

from benchmarks.compare.rows import (
    booking,
    fan_out,
    message_queue,
    package_tracker,
    payment_tracker,
    user_feed,
)
from benchmarks.compare.rows.row import Row

_NO_STEPS = {"ours-economy": "the same as ours: none of its steps is ever local"}
_OWN_TABLES = dict.fromkeys(("dbos", "dbos-postgres"), "a query of the application's own tables, without DBOS")
_TOO_LONG = dict.fromkeys(("dbos", "dbos-postgres", "naive"), "a job takes more than a minute")
_REFUSED = {"naive": "some of a thousand registrations are refused"}

ROWS = (
    Row("saga-success", "Saga, booked, 50 at a time", "trip", booking.booked, by_temporal_client=True),
    Row("saga-failure", "Saga, 3 compensations, 50 at a time", "trip", booking.declined, by_temporal_client=True),
    Row("saga-one", "Saga, 3 compensations, one at a time", "trip", booking.declined_one_by_one, by_latency=True),
    Row(
        "queue-submit",
        "Queue, submitted until all is done",
        "task",
        message_queue.submitted,
        by_temporal_client=True,
        not_measured=_NO_STEPS,
    ),
    Row(
        "queue-call",
        "Queue, called, 50 at a time",
        "task",
        message_queue.called,
        by_temporal_client=True,
        not_measured=_NO_STEPS,
    ),
    Row(
        "queue-delayed",
        "Queue, delayed: lateness",
        "task",
        message_queue.delayed,
        by_latency=True,
        not_measured=_NO_STEPS,
    ),
    Row("payment-reminder", "Payment tracker, event to reminder", "event", payment_tracker.reminded),
    Row(
        "state-read",
        "State over HTTP, 20 at a time",
        "read",
        package_tracker.state_read,
        by_temporal_client=True,
        not_measured=_NO_STEPS | _OWN_TABLES,
    ),
    Row("kafka-50-keys", "Kafka to state, 50 keys", "record", package_tracker.from_kafka(50), not_measured=_NO_STEPS),
    Row(
        "kafka-1000-keys",
        "Kafka to state, 1,000 keys",
        "record",
        package_tracker.from_kafka(1_000),
        not_measured=_NO_STEPS | _REFUSED,
    ),
    Row("kafka-one-key", "Kafka to state, one key", "record", package_tracker.from_kafka(1), not_measured=_NO_STEPS),
    Row("user-feed", "User feed, Kafka to published", "post", user_feed.from_kafka),
    Row("fan-out-100", "Fan-out of 100", "subtask", fan_out.jobs_of(100), not_measured=_NO_STEPS),
    Row("fan-out-1000", "Fan-out of 1,000", "subtask", fan_out.jobs_of(1_000), not_measured=_NO_STEPS),
    Row(
        "fan-out-10000",
        "Fan-out of 10,000",
        "subtask",
        fan_out.jobs_of(10_000),
        not_measured=_NO_STEPS | _TOO_LONG,
    ),
)
