"""Every metric of this application: what is exposed comes from here, and docs/metrics.md is written from it.

Names follow Prometheus: base units, `_total` for what only rises. Labels have few values, which code or an operator
chooses: never a key, a tenant or a user. Temporal's SDK has metrics of its own, `temporal_*`.

All are recorded on the meter of the SDK's runtime, which exposes them together with the SDK's own. Workflows record on
`workflow.metric_meter()`, which is silent during a replay. Only what the gateway measures of its requests goes to
`prometheus_client`, which serves its `/metrics`.
"""

from dataclasses import dataclass, field

from temporalio.common import MetricCounter, MetricGaugeFloat, MetricHistogramFloat, MetricMeter

OF_WORKFLOWS = ("namespace", "task_queue", "workflow_type")
"""The labels that the SDK adds to what a workflow records."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The upper bounds of a histogram's buckets."""


@dataclass(frozen=True)
class Metric:
    """`name` is the name that Prometheus stores, of a histogram without `_bucket`, `_sum` and `_count`."""

    name: str
    meaning: str
    unit: str
    labels: tuple[str, ...] = field(default=(), kw_only=True)
    in_workflows: bool = field(default=False, kw_only=True)

    @property
    def exposed_labels(self) -> tuple[str, ...]:
        return (*self.labels, *OF_WORKFLOWS) if self.in_workflows else self.labels

    @property
    def kind(self) -> str:
        """Its type in Prometheus."""
        return type(self).__name__.lower()


class Counter(Metric):
    """Rises, and begins at 0 with each process."""

    def on(self, meter: MetricMeter) -> MetricCounter:
        return meter.create_counter(self.name, self.meaning)

    def count(self, meter: MetricMeter, value: int = 1, **labels: str) -> None:
        """For what is counted rarely, or in a workflow: `on` is quicker for the rest."""
        self.on(meter).add(value, labels)


class Gauge(Metric):
    """A value of now."""

    def on(self, meter: MetricMeter) -> MetricGaugeFloat:
        return meter.create_gauge_float(self.name, self.meaning)


class Histogram(Metric):
    """How often a value was in each bucket, see `SECONDS`."""

    def on(self, meter: MetricMeter) -> MetricHistogramFloat:
        return meter.create_histogram_float(self.name, self.meaning)


REQUESTS = Counter(
    "gateway_requests_total",
    "Requests answered; 499 is a client that disconnected before",
    "requests",
    labels=("route", "method", "status"),
)
REQUEST_SECONDS = Histogram(
    "gateway_request_duration_seconds",
    "Time to the answer, in which a call may wait for its outcome",
    "seconds",
    labels=("route",),
)
REQUESTS_IN_FLIGHT = Gauge("gateway_requests_in_flight", "Requests not answered yet", "requests")
GATEWAY_TASKS = Gauge("gateway_asyncio_tasks", "Tasks of the event loop", "tasks")
OF_GATEWAY: tuple[Metric, ...] = (REQUESTS, REQUEST_SECONDS, REQUESTS_IN_FLIGHT, GATEWAY_TASKS)

POOL_SIZE = Gauge("database_pool_size", "Connections that the process may have to the database, at most", "connections")
POOL_IN_USE = Gauge("database_pool_in_use", "Connections in a transaction", "connections")
POOL_WAITING = Gauge("database_pool_waiting", "Transactions that wait for a connection", "transactions")
POOL_WAIT_SECONDS = Histogram(
    "database_pool_wait_seconds", "Time until a transaction had a connection and began, or failed to", "seconds"
)
OF_DATABASE: tuple[Metric, ...] = (POOL_SIZE, POOL_IN_USE, POOL_WAITING, POOL_WAIT_SECONDS)

_BY_SUBSCRIPTION = ("subscription",)
LAG = Gauge(
    "ingress_consumer_lag_records",
    "Records of the partitions that this process consumes, from the committed offset to the end",
    "records",
    labels=_BY_SUBSCRIPTION,
)
OLDEST_SECONDS = Gauge(
    "ingress_oldest_unfinished_record_seconds",
    "How long the oldest record that was read and is not finished has been waiting",
    "seconds",
    labels=_BY_SUBSCRIPTION,
)
STALLED_SECONDS = Gauge(
    "ingress_stalled_seconds",
    "How long the records of a consumer have not moved, of several the longest; 0 while they move",
    "seconds",
    labels=_BY_SUBSCRIPTION,
)
STALLED_KEYS = Gauge(
    "ingress_stalled_keys",
    "Keys whose records wait because a call failed and is repeated, and dead letters that cannot be written",
    "keys",
    labels=_BY_SUBSCRIPTION,
)
RECEIVED = Counter("ingress_records_received_total", "Records read from Kafka", "records", labels=_BY_SUBSCRIPTION)
DELIVERED = Counter(
    "ingress_records_delivered_total", "Records that Temporal has stored", "records", labels=_BY_SUBSCRIPTION
)
DEAD_LETTERED = Counter(
    "ingress_dead_letters_total", "Records written to the dead-letter topic", "records", labels=_BY_SUBSCRIPTION
)
RESTARTS = Counter(
    "ingress_consumer_restarts_total",
    "Consumers that ended and are started again, by the class of the error, `WorkerShutdown`, or `Replaced` if their "
    "heartbeats came too late. A worker that is killed counts nothing",
    "consumers",
    labels=("subscription", "cause"),
)
SUBSCRIPTIONS_FAILED = Gauge("ingress_subscriptions_failed", "Subscriptions in `FAILED`", "subscriptions")

STATUS_CHANGES = Counter(
    "workflow_status_changes_total",
    "Executions that entered a status, and runs that began in it, by the `PatternStatus` that the Web UI shows",
    "executions",
    labels=("status",),
    in_workflows=True,
)
COMPENSATIONS = Counter(
    "booking_compensations_total",
    "Compensations that are `done`, became `stuck`, or were `resolved` by an operator",
    "compensations",
    labels=("compensation", "outcome"),
    in_workflows=True,
)
TRIPS_STUCK = Gauge("booking_trips_stuck", "Trips in `COMPENSATION_STUCK`", "trips")
TASKS_FAILED = Gauge(
    "message_queue_tasks_failed",
    "Tasks that failed for good, until their retention ends; a redriven one that failed before still counts",
    "tasks",
)
REMINDERS = Counter(
    "payment_tracker_reminders_total",
    "Reminders `sent`, `failed` after an hour of attempts, or not sent because the invoice was `closed`",
    "reminders",
    labels=("outcome",),
    in_workflows=True,
)
SUBTASKS = Counter(
    "fan_out_subtasks_total",
    "Subtasks that are `done` or `failed`",
    "subtasks",
    labels=("outcome",),
    in_workflows=True,
)
POSTS = Counter(
    "user_feed_posts_total",
    "Posts that became `published`, `rejected` or `in_review`; a reviewed one counts again",
    "posts",
    labels=("outcome",),
    in_workflows=True,
)
POSTS_IN_REVIEW = Gauge("user_feed_posts_in_review", "Posts that wait for a person's review", "posts")
PACKAGES_WAITING = Gauge(
    "package_tracker_packages_waiting", "Packages that have locations and wait for their registration", "packages"
)
OF_WORKERS: tuple[Metric, ...] = (
    LAG,
    OLDEST_SECONDS,
    STALLED_SECONDS,
    STALLED_KEYS,
    RECEIVED,
    DELIVERED,
    DEAD_LETTERED,
    RESTARTS,
    SUBSCRIPTIONS_FAILED,
    STATUS_CHANGES,
    COMPENSATIONS,
    TRIPS_STUCK,
    TASKS_FAILED,
    REMINDERS,
    SUBTASKS,
    POSTS,
    POSTS_IN_REVIEW,
    PACKAGES_WAITING,
)

ALL = {metric.name: metric for metric in (*OF_GATEWAY, *OF_DATABASE, *OF_WORKERS)}
