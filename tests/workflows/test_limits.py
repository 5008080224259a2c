"""Nothing that an entity collects, carries or sends exceeds the limits of Temporal."""

import asyncio
import uuid
from datetime import timedelta
from functools import partial

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.payment_tracker import PaymentTrackerActivities
from activities.user_feed import UserFeedActivities
from clients.backpressure import KeyBusy
from domain.event_ids import EVENTS_KEPT
from domain.fan_out import MAX_SUBTASKS, Job, SubtaskOutcome, aggregate
from domain.inbox import Batch, Inbox, Message
from domain.invoice import Invoice, PaymentEvent, PaymentEventData, ReminderPlan
from domain.package_tracker import (
    PACKAGE_TRACKER,
    LocationUpdate,
    Package,
    PackageMemory,
    PackageRegistration,
)
from domain.payload import MAX_PAYLOAD_BYTES, Payload, encoded_bytes
from domain.payment_tracker import PAYMENT_TRACKER, TrackerMemory
from domain.plans import Plans
from domain.user_feed import USER_FEED, ModerationPlan, SocialMediaPost, Verdict
from tests.eventually import eventually
from tests.histories import assert_clean
from tests.workers.watching import Measuring
from tests.workflows.conftest import EVENTS_BEFORE_CONTINUE_AS_NEW
from tests.workflows.entity_key import EntityKey, serving, until_accepted
from tests.workflows.fakes import FakeBilling, FakeMail, FakeModeration, FakePosts, anytime
from workflows import package_tracker, payment_tracker, user_feed

LONGEST = "\x01"
"""A character that is six bytes in JSON; no other is longer."""


def event(event_id: str, kind: str = "invoice") -> PaymentEvent:
    return PaymentEvent(type=kind, created=1, data=PaymentEventData(id=event_id, customer=LONGEST * 255))


class TestWhatARunCarries:
    def test_fits_into_a_payload_with_the_longest_locations(self) -> None:
        package = Package()
        for number in range(2_000):
            package.locate(LocationUpdate(timestamp=f"2024-10-10T13:00:00.{number:06}Z", location=LONGEST * 500))
        memory = PackageMemory(package=package)
        assert encoded_bytes(memory) < MAX_PAYLOAD_BYTES
        assert package.received == 2_000
        assert package.locations[-1].timestamp.endswith("1999Z")
        carried = PackageMemory.model_validate_json(memory.model_dump_json()).package
        carried.locate(package.locations[-1])
        assert encoded_bytes(carried) < MAX_PAYLOAD_BYTES

    async def test_fits_into_a_payload_with_the_longest_events_and_outcomes(self) -> None:
        invoice, inbox, now, plan = Invoice(), Inbox(), await anytime(), ReminderPlan()
        for number in range(EVENTS_KEPT + 500):
            body = event(f"{number:06}" + LONGEST * 249)
            message = Message[PaymentEvent](id=uuid.uuid4().hex, body=body)
            assert inbox.admit("onPaymentFailure", Batch(messages=[message]), now) == [message]
            invoice.payment_failed(message.body, plan, now)
            inbox.done(message.id, invoice.state(plan), now)
        inbox.forget_beyond()
        memory = TrackerMemory(invoice=invoice, inbox=inbox)
        assert encoded_bytes(memory) < MAX_PAYLOAD_BYTES
        assert len(invoice.seen) == EVENTS_KEPT
        assert message.id in inbox.receipts
        due = invoice.due_at
        invoice.due_at = None
        invoice.payment_failed(message.body, plan, now)
        assert (due, invoice.due_at) == (now, None), "the last event counted twice"


def test_a_result_with_too_many_failures_omits_their_reasons() -> None:
    names = [f"{number:05}" + "x" * 95 for number in range(MAX_SUBTASKS)]
    outcomes = {index: SubtaskOutcome(index=index, error="r" * 200) for index in range(MAX_SUBTASKS)}
    result = aggregate(Job(description=",".join(names)), outcomes)
    assert encoded_bytes(result) < MAX_PAYLOAD_BYTES
    assert result.description.count(": FAILED") == MAX_SUBTASKS


@pytest.fixture
async def mail() -> FakeMail:
    return FakeMail(anytime)


async def test_the_longest_posts_are_stored_by_several_activities(dev_server: WorkflowEnvironment) -> None:
    posts = FakePosts()
    moderation = FakeModeration(posts, {"first": Verdict.PENDING})
    plans = Plans(moderation=ModerationPlan(poll_interval=timedelta(milliseconds=100)))
    activities = UserFeedActivities(posts, moderation)
    async with serving(dev_server.client, USER_FEED, user_feed.UserFeed, activities, plans) as key:
        await key.send("processPost", SocialMediaPost(content="first", metadata=""))
        await eventually(lambda: moderation.asked)
        for number in range(0, 40, 4):
            four = [long_post(number + each) for each in range(4)]
            await until_accepted(partial(key.send, "processPost", *four))
        moderation.verdicts.clear()
        await eventually(lambda: len(posts.finished()) == 41)
        assert posts.finished() == [f"publish {posts.contents[post]}" for post in posts.contents]
        assert len(posts.calls) == 2 * 41


def long_post(number: int) -> SocialMediaPost:
    return SocialMediaPost(content=f"{number:02}" + LONGEST * 9_998, metadata=LONGEST * 1_000)


class TestHotKeys:
    """Hundreds of messages to one key as fast as possible, over HTTP and from Kafka."""

    MESSAGES = 3 * EVENTS_BEFORE_CONTINUE_AS_NEW

    async def sent(self, key: EntityKey, handler: str, bodies: list[Payload]) -> list[str]:
        """Send half of them concurrently, as over HTTP, and half in order and each twice, as from Kafka."""
        half = len(bodies) // 2
        slots = asyncio.Semaphore(10)

        async def send(body: Payload) -> str:
            async with slots:
                [message_id] = await until_accepted(partial(key.send, handler, body))
                return message_id

        async def deliver() -> None:
            for offset in range(half, len(bodies), 3):
                records = dict(list(enumerate(bodies))[offset : offset + 3])
                for _ in range(2):
                    await until_accepted(partial(key.deliver, handler, records))

        ids, _ = await asyncio.gather(asyncio.gather(*map(send, bodies[:half])), deliver())
        return list(ids)

    async def has_continued(self, key: EntityKey, run: str) -> None:
        async def another() -> bool:
            return await key.run_id() != run

        await eventually(another)

    async def test_a_package_counts_every_message_once(self, dev_server: WorkflowEnvironment) -> None:
        async with serving(dev_server.client, PACKAGE_TRACKER, package_tracker.PackageTracker, None) as key:
            await key.send("registerPackage", PackageRegistration(final_destination="Amsterdam"))
            run = await key.run_id()
            bodies: list[Payload] = [
                LocationUpdate(timestamp=f"2024-10-10 {n // 60:02}:{n % 60:02}", location=f"{n}")
                for n in range(self.MESSAGES)
            ]
            ids = await self.sent(key, "updateLocation", bodies)
            await self.has_continued(key, run)
            info = await key.handle.query(package_tracker.PackageTracker.info)
            assert info is not None
            assert info.locations == bodies
            for message_id in ids:
                assert (await key.receipt(message_id)) is not None

    async def test_an_invoice_answers_every_message(self, dev_server: WorkflowEnvironment, mail: FakeMail) -> None:
        plans = Plans(reminders=ReminderPlan(min_interval=timedelta(0), reminders=100))
        systems = PaymentTrackerActivities(FakeBilling(anytime), mail)
        async with serving(dev_server.client, PAYMENT_TRACKER, payment_tracker.PaymentTracker, systems, plans) as key:
            await key.answered((await key.send("onPaymentFailure", event("evt_0")))[0])
            run = await key.run_id()
            ids = await self.sent(key, "onPaymentFailure", [event("evt_1") for _ in range(self.MESSAGES)])
            await self.has_continued(key, run)
            for message_id in ids:
                assert (await key.answered(message_id)).outcome is not None
            assert mail.numbers() == [1, 2]

    async def test_a_feed_publishes_every_post_once(self, dev_server: WorkflowEnvironment) -> None:
        posts = FakePosts()
        systems = UserFeedActivities(posts, FakeModeration(posts))
        async with serving(dev_server.client, USER_FEED, user_feed.UserFeed, systems) as key:
            count = self.MESSAGES // 5
            ids = await self.sent(
                key, "processPost", [SocialMediaPost(content=f"{n}", metadata="") for n in range(count)]
            )
            await eventually(lambda: len(posts.finished()) >= count)
            for message_id in ids:
                assert (await key.answered(message_id)).outcome is not None
            assert sorted(posts.finished()) == sorted(f"publish {n}" for n in range(count))


async def test_messages_sent_while_there_is_no_worker_are_read_in_one_task(dev_server: WorkflowEnvironment) -> None:
    """A workflow task that takes two seconds fails, and so would each of its retries."""
    key = EntityKey(dev_server.client, PACKAGE_TRACKER)
    sent = await batches_before_busy(key)
    assert 1_000 < sent <= 5_000
    queue = key.entity.task_queue
    runner = Measuring(SandboxedWorkflowRunner())
    async with Worker(
        dev_server.client, task_queue=queue, workflows=[package_tracker.PackageTracker], workflow_runner=runner
    ):
        waiting = (await key.handle.query(package_tracker.PackageTracker.state)).waiting
        assert waiting is not None
        assert waiting.received == sent
        await key.handle.terminate()
    await assert_clean(key.handle)
    assert max(runner.cpu_seconds) < 1


async def batches_before_busy(key: EntityKey) -> int:
    update = LocationUpdate(timestamp="2024-10-10 13:00", location="Mountain Road 1, Brussels")
    for first in range(0, 50_000, 500):
        try:
            await key.deliver("updateLocation", dict.fromkeys(range(first, first + 500), update))
        except KeyBusy:
            return first
    raise AssertionError("the key accepted a hundred batches")
