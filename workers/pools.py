"""One row per pool: its task queue, what it runs, and how much of it at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import VersioningBehavior
from temporalio.runtime import Runtime
from temporalio.worker import FixedSizeSlotSupplier, PollerBehaviorAutoscaling, Worker, WorkerTuner

from activities.booking import BookingActivities
from activities.delivery import DeliveryActivities
from activities.fan_out import FanOutActivities
from activities.message_queue import MessageQueueActivities
from activities.payment_tracker import PaymentTrackerActivities
from activities.subscription import SubscriptionActivities
from activities.user_feed import UserFeedActivities
from clients.subscriptions import ConsumerReports
from domain.booking import BOOKING
from domain.delivery import DELIVERY_QUEUE
from domain.fan_out import FAN_OUT
from domain.message_queue import MESSAGE_QUEUE
from domain.package_tracker import PACKAGE_TRACKER
from domain.pattern import Entity, Pattern
from domain.payment_tracker import PAYMENT_TRACKER
from domain.subscription import SUBSCRIPTION
from domain.user_feed import USER_FEED
from infra.airline import SimulatedAirline
from infra.billing import BillingRecords
from infra.card_network import SimulatedCardNetwork
from infra.mail import open_mail
from infra.moderation import SimulatedModeration
from infra.posts import PostStore
from infra.rental_cars import SimulatedRentalCompany
from infra.work import SimulatedSubtasks, SimulatedWork
from workers.activity_methods import activity_methods
from workers.kafka.decisions.memory import Memory
from workers.kafka.ingress import KafkaIngress
from workers.mailbox import EntityMailbox
from workers.pool_worker import PoolWorker, time_for_polls
from workers.resources import Resources
from workers.sandbox import GuardedSandboxRunner
from workers.slots import METRIC, ClosableSlots
from workers.versions import deployment
from workflows.booking import BookingWorkflow
from workflows.fan_out import FanOutWorker
from workflows.package_tracker import PackageTracker
from workflows.payment_tracker import PaymentTracker
from workflows.subscription import SubscriptionWorkflow
from workflows.user_feed import UserFeed

CONCURRENT_WORKFLOW_TASKS = 24
"""Workflow code runs on one processor, however many tasks there are. With a hundred tasks at a time, each can take
longer than the two seconds that the SDK allows. It then counts as deadlocked and is repeated, so that the backlog never
shrinks."""

WORKFLOW_TASK_POLLS = PollerBehaviorAutoscaling(maximum=8, initial=4)
"""A worker polls two queues, the shared one and its own, and each open poll reserves a slot for its task. Polls must
not be able to reserve all slots: a query would then wait until a poll returns without a task."""

HEARTBEAT_THROTTLE = timedelta(seconds=2)
"""A cancellation reaches an activity with its heartbeat; by default they are sent up to 60 s apart."""


@dataclass(frozen=True)
class Pool:
    """Workers of one task queue. `activities` builds the object whose methods are the pool's activities."""

    serves: Pattern | str
    """The pattern, or the name of a task queue that several patterns share."""
    workflow: type | None
    activities: Callable[[Resources], object] | None
    concurrent_activities: int = 100

    @property
    def task_queue(self) -> str:
        return self.serves.task_queue if isinstance(self.serves, Pattern) else self.serves

    @property
    def versioning(self) -> VersioningBehavior:
        """Trips and jobs end on the build on which they began. Entities and subscriptions live for months: their next
        task is done by the current build."""
        is_lasting = isinstance(self.serves, Entity) or self.serves == SUBSCRIPTION
        return VersioningBehavior.AUTO_UPGRADE if is_lasting else VersioningBehavior.PINNED

    def worker(self, client: Client, resources: Resources, graceful_shutdown: timedelta) -> PoolWorker:
        workflow_slots = self._slots(client, "WorkflowWorker", CONCURRENT_WORKFLOW_TASKS)
        activity_slots = self._slots(client, "ActivityWorker", self.concurrent_activities)
        threads = ThreadPoolExecutor(CONCURRENT_WORKFLOW_TASKS, f"{self.task_queue}-workflow")
        draining = threading.Event()
        worker = Worker(
            client,
            task_queue=self.task_queue,
            workflows=[self.workflow] if self.workflow else [],
            activities=activity_methods(self.activities(resources)) if self.activities else [],
            max_cached_workflows=resources.settings.cached_workflows,
            tuner=WorkerTuner.create_composite(
                workflow_supplier=workflow_slots,
                activity_supplier=activity_slots,
                local_activity_supplier=FixedSizeSlotSupplier(CONCURRENT_WORKFLOW_TASKS),
                nexus_supplier=FixedSizeSlotSupplier(1),
            ),
            workflow_task_executor=threads,
            workflow_task_poller_behavior=WORKFLOW_TASK_POLLS,
            activity_task_poller_behavior=PollerBehaviorAutoscaling(),
            workflow_runner=GuardedSandboxRunner(draining=draining),
            # No payload is stored elsewhere: with more the SDK makes an asyncio task for each payload to find that out.
            max_workflow_task_external_storage_concurrency=1,
            interceptors=[resources.slots_of(self.task_queue, self.concurrent_activities)],
            deployment_config=deployment(resources.settings, self.versioning),
            graceful_shutdown_timeout=graceful_shutdown - time_for_polls(graceful_shutdown),
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        )
        return PoolWorker(worker, graceful_shutdown, (workflow_slots, activity_slots), draining, threads)

    def _slots(self, client: Client, worker_type: str, count: int) -> ClosableSlots:
        runtime = client.service_client.config.runtime or Runtime.default()
        labels = {"namespace": client.namespace, "task_queue": self.task_queue, "worker_type": worker_type}
        gauge = runtime.metric_meter.with_additional_attributes(labels).create_gauge(METRIC)
        return ClosableSlots(count, gauge)


POOLS = (
    Pool(
        MESSAGE_QUEUE,
        None,
        lambda r: MessageQueueActivities(SimulatedWork(r.settings.simulated_work, r.database), r.http),
    ),
    Pool(
        BOOKING,
        BookingWorkflow,
        lambda r: BookingActivities(
            SimulatedAirline(r.database), SimulatedRentalCompany(r.database), SimulatedCardNetwork(r.database)
        ),
    ),
    Pool(
        PAYMENT_TRACKER,
        PaymentTracker,
        lambda r: PaymentTrackerActivities(
            BillingRecords(r.database),
            open_mail(r.database, r.settings.smtp_url, r.settings.mail_from, r.settings.smtp_ca_file),
        ),
    ),
    Pool(
        FAN_OUT,
        FanOutWorker,
        lambda r: FanOutActivities(SimulatedSubtasks(r.settings.simulated_work)),
        concurrent_activities=50,
    ),
    Pool(USER_FEED, UserFeed, lambda r: UserFeedActivities(PostStore(r.database), SimulatedModeration(r.database))),
    Pool(PACKAGE_TRACKER, PackageTracker, None),
    Pool(DELIVERY_QUEUE, None, lambda r: DeliveryActivities(EntityMailbox(r.entities))),
    Pool(
        SUBSCRIPTION,
        SubscriptionWorkflow,
        lambda r: SubscriptionActivities(
            KafkaIngress(
                r.entities,
                r.settings.kafka_clusters,
                r.settings.kafka_allowed,
                r.settings.kafka_epoch,
                memory=Memory(r.settings.kafka_memory_bytes),
                consumers=r.consumers,
            ),
            ConsumerReports(r.temporal),
            r.meter,
        ),
    ),
)
