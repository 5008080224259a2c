"""Counts what waits for someone or something, now: these numbers outlive the process that the waiting began in.

Each worker process counts what belongs to its pools, so several expose the same number: queries take the highest.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from domain.booking import BOOKING, TripStatus
from domain.message_queue import MESSAGE_QUEUE
from domain.metrics import (
    PACKAGES_WAITING,
    POSTS_IN_REVIEW,
    SUBSCRIPTIONS_FAILED,
    TASKS_FAILED,
    TRIPS_STUCK,
    Gauge,
)
from domain.package_tracker import PACKAGE_TRACKER
from domain.pattern import Pattern
from domain.subscription import SUBSCRIPTION, SubscriptionStatus
from domain.user_feed import USER_FEED
from infra.posts import PostStore
from infra.retry_log import RetryLog
from workers.resources import Resources
from workflows.search_attributes import PATTERN, STATUS

log = logging.getLogger("workers")

INTERVAL = timedelta(seconds=15)
"""A count is one query to Temporal's visibility store, which answers ten per second by default, or to the database."""
TIMEOUT = timedelta(seconds=10)

Counting = Callable[[Resources], Awaitable[int]]


@dataclass(frozen=True)
class Row:
    """What is counted by the processes that serve a pattern's pool."""

    pattern: Pattern
    gauge: Gauge
    counting: Counting


def _open_workflows(pattern: Pattern, status: str) -> Counting:
    query = f"{PATTERN.name} = '{pattern.name}' AND {STATUS.name} = '{status}' AND ExecutionStatus = 'Running'"

    async def count(resources: Resources) -> int:
        return (await resources.temporal.count_workflows(query, rpc_timeout=TIMEOUT)).count

    return count


async def _failed_tasks(resources: Resources) -> int:
    query = f"{PATTERN.name} = '{MESSAGE_QUEUE.name}' AND ExecutionStatus IN ('Failed', 'TimedOut')"
    return (await resources.temporal.count_activities(query, rpc_timeout=TIMEOUT)).count


async def _posts_in_review(resources: Resources) -> int:
    return await PostStore(resources.database).in_review()


ROWS = (
    Row(BOOKING, TRIPS_STUCK, _open_workflows(BOOKING, TripStatus.COMPENSATION_STUCK)),
    Row(PACKAGE_TRACKER, PACKAGES_WAITING, _open_workflows(PACKAGE_TRACKER, "WAITING_FOR_REGISTRATION")),
    Row(SUBSCRIPTION, SUBSCRIPTIONS_FAILED, _open_workflows(SUBSCRIPTION, SubscriptionStatus.FAILED)),
    Row(MESSAGE_QUEUE, TASKS_FAILED, _failed_tasks),
    Row(USER_FEED, POSTS_IN_REVIEW, _posts_in_review),
)


async def count_regularly(resources: Resources, served: Iterable[Pattern | str]) -> None:
    """Until cancelled, count what belongs to the pools of `served`. What cannot be counted keeps its last value."""
    served = set(served)
    rows = [(row, row.gauge.on(resources.meter)) for row in ROWS if row.pattern in served]
    outages = RetryLog(log, "metrics: a count")
    while True:
        for row, gauge in rows:
            try:
                gauge.set(await row.counting(resources))
            except Exception as error:
                outages.failed(error)
            else:
                outages.worked()
        await asyncio.sleep(INTERVAL.total_seconds())
