"""The boards: one for the whole, one for the ingress, one for each pattern."""

from domain.booking import BOOKING
from domain.fan_out import FAN_OUT
from domain.message_queue import MESSAGE_QUEUE
from domain.metrics import (
    COMPENSATIONS,
    DEAD_LETTERED,
    DELIVERED,
    GATEWAY_TASKS,
    LAG,
    OLDEST_SECONDS,
    PACKAGES_WAITING,
    POOL_IN_USE,
    POOL_SIZE,
    POOL_WAIT_SECONDS,
    POOL_WAITING,
    POSTS,
    POSTS_IN_REVIEW,
    RECEIVED,
    REMINDERS,
    REQUEST_SECONDS,
    REQUESTS,
    REQUESTS_IN_FLIGHT,
    RESTARTS,
    STALLED_KEYS,
    STALLED_SECONDS,
    STATUS_CHANGES,
    SUBSCRIPTIONS_FAILED,
    SUBTASKS,
    TASKS_FAILED,
    TRIPS_STUCK,
    Gauge,
)
from domain.package_tracker import PACKAGE_TRACKER
from domain.pattern import Pattern
from domain.patterns import PATTERNS
from domain.payment_tracker import PAYMENT_TRACKER
from domain.subscription import SUBSCRIPTION
from domain.user_feed import USER_FEED
from tools.boards.panels import Board, Panel, Query, Section, quantiles, rate

PER_SECOND = "ops"
ACTIVITY_FAILED = "temporal_activity_execution_failed"
WORKFLOW_TASK_FAILED = "temporal_workflow_task_execution_failed"


def _now(gauge: Gauge, legend: str = "") -> Query:
    """A number that several processes expose."""
    return Query(f"max({gauge.name})", legend or gauge.unit)


def _by_subscription(title: str, function: str, gauge: Gauge, unit: str) -> Panel:
    query = Query(f"{function} by (subscription) ({gauge.name})", "{{subscription}}")
    return Panel(title, [query], unit, f"{gauge.meaning}.")


def _queues(labels: str = "") -> list[Panel]:
    """How long tasks wait for a worker."""
    return [
        Panel(
            "Workflow tasks: wait for a worker",
            quantiles("temporal_workflow_task_schedule_to_start_latency", labels, "task_queue"),
            "s",
            "Rises when there are too few workers: scale on it.",
        ),
        Panel(
            "Activities: wait for a worker",
            quantiles("temporal_activity_schedule_to_start_latency", labels, "task_queue"),
            "s",
            "The same, for activities.",
        ),
    ]


OVERVIEW = Board(
    "overview",
    "Durable patterns: overview",
    [
        Section(
            "Waits for a person",
            [
                Panel(
                    "Trips stuck, posts in review, subscriptions failed, packages without a registration",
                    [
                        _now(TRIPS_STUCK, "trips stuck"),
                        _now(POSTS_IN_REVIEW, "posts in review"),
                        _now(SUBSCRIPTIONS_FAILED, "subscriptions failed"),
                        _now(PACKAGES_WAITING, "packages waiting"),
                    ],
                ),
                Panel("Failed tasks", [_now(TASKS_FAILED)], meaning=f"{TASKS_FAILED.meaning}."),
                Panel(
                    "Dead letters",
                    [Query(rate(DEAD_LETTERED.name, "", "subscription"), "{{subscription}}")],
                    PER_SECOND,
                ),
            ],
        ),
        Section(
            "Gateway",
            [
                Panel("Requests by status", [Query(rate(REQUESTS.name, "", "status"), "{{status}}")], PER_SECOND),
                Panel("Time to the answer", quantiles(REQUEST_SECONDS.name, "", "route")[1:], "s"),
                Panel(
                    "In flight",
                    [
                        Query(f"sum by (instance) ({REQUESTS_IN_FLIGHT.name})", "requests {{instance}}"),
                        Query(f"sum by (instance) ({GATEWAY_TASKS.name})", "asyncio tasks {{instance}}"),
                        Query('process_open_fds{job="gateway"}', "open files {{instance}}"),
                    ],
                ),
                Panel("Memory", [Query('process_resident_memory_bytes{job="gateway"}', "{{instance}}")], "bytes"),
                Panel("Processes that answer", [Query("sum by (job) (up)", "{{job}}")]),
            ],
        ),
        Section(
            "Temporal",
            [
                Panel(
                    "Calls that fail",
                    [
                        Query(
                            rate("temporal_request_failure", "", "job", "operation", "status_code"),
                            "{{job}} {{operation}} {{status_code}}",
                        )
                    ],
                    PER_SECOND,
                    "NOT_FOUND and ALREADY_EXISTS are answers, not faults.",
                ),
                Panel("Calls: time to the answer", quantiles("temporal_request_latency", "", "job"), "s"),
                *_queues(),
                Panel(
                    "Free slots",
                    [
                        Query(
                            "min by (task_queue, worker_type) (temporal_worker_task_slots_available)",
                            "{{task_queue}} {{worker_type}}",
                        )
                    ],
                    meaning="Of the process that has the fewest.",
                ),
                Panel(
                    "Workflow tasks that fail",
                    [
                        Query(
                            rate(WORKFLOW_TASK_FAILED, "", "workflow_type", "failure_reason"),
                            "{{workflow_type}} {{failure_reason}}",
                        )
                    ],
                    PER_SECOND,
                    "NonDeterminismError: the deployed code cannot replay a history.",
                ),
            ],
        ),
        Section(
            "Database",
            [
                Panel(
                    "Connections",
                    [
                        Query(f"sum by (job) ({POOL_IN_USE.name})", "in use {{job}}"),
                        Query(f"sum by (job) ({POOL_SIZE.name})", "at most {{job}}"),
                        Query(f"sum by (job) ({POOL_WAITING.name})", "transactions waiting {{job}}"),
                    ],
                ),
                Panel("Wait for a connection", quantiles(POOL_WAIT_SECONDS.name, "", "job"), "s"),
            ],
        ),
    ],
)

INGRESS = Board(
    "ingress",
    "Durable patterns: Kafka ingress",
    [
        Section(
            "Records",
            [
                Panel("Read", [Query(rate(RECEIVED.name, "", "subscription"), "{{subscription}}")], PER_SECOND),
                Panel("Delivered", [Query(rate(DELIVERED.name, "", "subscription"), "{{subscription}}")], PER_SECOND),
                Panel(
                    "Dead letters",
                    [Query(rate(DEAD_LETTERED.name, "", "subscription"), "{{subscription}}")],
                    PER_SECOND,
                ),
                _by_subscription("Consumer lag", "sum", LAG, "short"),
                _by_subscription("Age of the oldest unfinished record", "max", OLDEST_SECONDS, "s"),
                _by_subscription("Stalled keys", "sum", STALLED_KEYS, "short"),
            ],
        ),
        Section(
            "Consumers",
            [
                _by_subscription("Stalled", "max", STALLED_SECONDS, "s"),
                Panel(
                    "Restarts",
                    [Query(f"sum by (subscription, cause) ({RESTARTS.name})", "{{subscription}} {{cause}}")],
                    meaning="Since the worker processes began. A rate would not show the first restart of a cause.",
                ),
                Panel(
                    "Running",
                    [
                        Query(
                            "sum by (instance) (temporal_worker_task_slots_used"
                            f'{{task_queue="{SUBSCRIPTION.task_queue}", worker_type="ActivityWorker"}})',
                            "{{instance}}",
                        )
                    ],
                    meaning="Consumers and, for moments, other activities, by worker process.",
                ),
                Panel("Subscriptions failed", [_now(SUBSCRIPTIONS_FAILED)]),
            ],
        ),
    ],
)

OWN: dict[Pattern, list[Panel]] = {
    MESSAGE_QUEUE: [Panel("Failed tasks", [_now(TASKS_FAILED)], meaning=f"{TASKS_FAILED.meaning}.")],
    BOOKING: [
        Panel("Trips stuck", [_now(TRIPS_STUCK)]),
        Panel(
            "Compensations",
            [Query(rate(COMPENSATIONS.name, "", "compensation", "outcome"), "{{compensation}} {{outcome}}")],
            PER_SECOND,
        ),
    ],
    PAYMENT_TRACKER: [
        Panel("Reminders", [Query(rate(REMINDERS.name, "", "outcome"), "{{outcome}}")], PER_SECOND),
    ],
    FAN_OUT: [Panel("Subtasks", [Query(rate(SUBTASKS.name, "", "outcome"), "{{outcome}}")], PER_SECOND)],
    USER_FEED: [
        Panel("Posts", [Query(rate(POSTS.name, "", "outcome"), "{{outcome}}")], PER_SECOND),
        Panel("Posts in review", [_now(POSTS_IN_REVIEW)]),
    ],
    PACKAGE_TRACKER: [Panel("Packages without a registration", [_now(PACKAGES_WAITING)])],
}
"""What a pattern's board shows before what all show."""


def _calls(pattern: Pattern) -> list[Panel]:
    routes = f'route=~"/{pattern.service}.*"'
    return [
        Panel("Calls", [Query(rate(REQUESTS.name, routes, "route", "status"), "{{status}} {{route}}")], PER_SECOND),
        Panel("Calls: time to the answer", quantiles(REQUEST_SECONDS.name, routes, "route"), "s"),
    ]


def _executions(pattern: Pattern) -> list[Panel]:
    """What a pattern's workflows do; the message queue has none."""
    if pattern == MESSAGE_QUEUE:
        return []
    labels = f'workflow_type="{pattern.service}"'
    return [Panel("Status changes", [Query(rate(STATUS_CHANGES.name, labels, "status"), "{{status}}")], PER_SECOND)]


def _activities(pattern: Pattern) -> list[Panel]:
    """What a pattern's activities do; the package tracker has none."""
    if pattern == PACKAGE_TRACKER:
        return []
    labels = f'task_queue="{pattern.task_queue}"'
    return [
        Panel(
            "Activities: duration",
            quantiles("temporal_activity_execution_latency", labels, "activity_type"),
            "s",
        ),
        Panel(
            "Activities: attempts that fail",
            [Query(rate(ACTIVITY_FAILED, labels, "activity_type"), "{{activity_type}}")],
            PER_SECOND,
            "An attempt that is retried counts too.",
        ),
    ]


def _waits(pattern: Pattern) -> list[Panel]:
    workflows, activities = _queues(f'task_queue="{pattern.task_queue}"')
    return [*([] if pattern == MESSAGE_QUEUE else [workflows]), *([] if pattern == PACKAGE_TRACKER else [activities])]


def _board(pattern: Pattern) -> Board:
    return Board(
        pattern.name,
        f"Durable patterns: {pattern.service}",
        [
            Section("What it does", [*OWN.get(pattern, []), *_executions(pattern), *_calls(pattern)]),
            Section("How it does it", [*_activities(pattern), *_waits(pattern)]),
        ],
    )


BOARDS = (OVERVIEW, INGRESS, *(_board(pattern) for pattern in PATTERNS))
