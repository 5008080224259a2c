"""One row per pool: its task queue, what it runs, and how much of it at once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities.booking import BookingActivities
from activities.delivery import DeliveryActivities
from activities.fan_out import FanOutActivities
from activities.message_queue import MessageQueueActivities
from activities.payment_tracker import PaymentTrackerActivities
from activities.subscription import SubscriptionActivities
from activities.user_feed import UserFeedActivities
from domain.delivery import DELIVERY_QUEUE
from domain.patterns import BOOKING, FAN_OUT, MESSAGE_QUEUE, PACKAGE_TRACKER, PAYMENT_TRACKER, USER_FEED
from domain.subscription import TASK_QUEUE as INGRESS_QUEUE
from workers.activity_methods import activity_methods
from workers.sandbox import QuickSandbox
from workers.systems import Systems
from workflows.booking import BookingWorkflow
from workflows.fan_out import FanOutWorker
from workflows.package_tracker import PackageTracker
from workflows.payment_tracker import PaymentTracker
from workflows.subscription import SubscriptionWorkflow
from workflows.user_feed import UserFeed

CONCURRENT_WORKFLOW_TASKS = 24
"""Workflow code takes turns on one processor, however many tasks there are. Of a hundred at a time each can take longer
than the two seconds that the SDK gives it; then it counts as deadlocked and is done again, and a flood never ends."""

WORKFLOW_TASK_POLLS = PollerBehaviorAutoscaling(maximum=8, initial=4)
"""Two queues are polled, the shared one and the worker's own, and every poll that waits holds a place for its task.
Polls must leave places over: where they can hold them all, a query waits until one of them comes back empty."""

HEARTBEAT_THROTTLE = timedelta(seconds=2)
"""A cancellation reaches an activity with its heartbeat; by default they are sent up to 60 s apart."""


@dataclass(frozen=True)
class Pool:
    """Workers of one task queue. `activities` makes the object whose methods are the pool's activities."""

    task_queue: str
    workflow: type | None
    activities: Callable[[Systems], object] | None
    concurrent_activities: int = 100

    def worker(self, client: Client, systems: Systems, graceful_shutdown: timedelta) -> Worker:
        return Worker(
            client,
            task_queue=self.task_queue,
            workflows=[self.workflow] if self.workflow else [],
            activities=activity_methods(self.activities(systems)) if self.activities else [],
            max_concurrent_activities=self.concurrent_activities,
            max_concurrent_workflow_tasks=CONCURRENT_WORKFLOW_TASKS,
            workflow_task_poller_behavior=WORKFLOW_TASK_POLLS,
            activity_task_poller_behavior=PollerBehaviorAutoscaling(),
            workflow_runner=QuickSandbox(),
            graceful_shutdown_timeout=graceful_shutdown,
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        )


POOLS = (
    Pool(MESSAGE_QUEUE.task_queue, None, lambda s: MessageQueueActivities(s.work, s.http)),
    Pool(BOOKING.task_queue, BookingWorkflow, lambda s: BookingActivities(s.flights, s.cars, s.payments)),
    Pool(PAYMENT_TRACKER.task_queue, PaymentTracker, lambda s: PaymentTrackerActivities(s.billing, s.mail)),
    Pool(FAN_OUT.task_queue, FanOutWorker, lambda s: FanOutActivities(s.subtasks), concurrent_activities=50),
    Pool(USER_FEED.task_queue, UserFeed, lambda s: UserFeedActivities(s.posts, s.moderation)),
    Pool(PACKAGE_TRACKER.task_queue, PackageTracker, None),
    Pool(DELIVERY_QUEUE, None, lambda s: DeliveryActivities(s.mailbox)),
    Pool(INGRESS_QUEUE, SubscriptionWorkflow, lambda s: SubscriptionActivities(s.ingress)),
)
