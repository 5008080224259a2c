"""Senders wait before a key's workflow has more messages than it can handle."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from activities.payment_tracker import PaymentTrackerActivities
from activities.user_feed import UserFeedActivities
from api.http.failures import temporal_problem
from clients import backpressure
from clients.backpressure import KeyBusy
from clients.temporal_errors import is_refusal
from domain.invoice import PaymentEvent, PaymentEventData, ReminderPlan
from domain.payment_tracker import PAYMENT_TRACKER
from domain.plans import Plans
from domain.user_feed import USER_FEED, SocialMediaPost, Verdict
from tests.dev_server import CONTINUE_AS_NEW, SIGNALS
from tests.dev_server import dev_server as dev_server_with
from tests.eventually import eventually
from tests.workflows.conftest import EVENTS_BEFORE_CONTINUE_AS_NEW
from tests.workflows.entity_key import EntityKey, serving, until_accepted
from tests.workflows.fakes import FakeBilling, FakeMail, FakeModeration, FakePosts, anytime
from workflows import payment_tracker, user_feed
from workflows.search_attributes import STATUS
from workflows.status import FULL


def event(event_id: str) -> PaymentEvent:
    """An event of the largest size: each character of the customer is six bytes in JSON."""
    return PaymentEvent(type="invoice", created=1, data=PaymentEventData(id=event_id, customer="\x01" * 255))


@pytest.fixture
async def mail() -> FakeMail:
    return FakeMail(anytime)


class TestTooManySignals:
    @pytest.fixture
    async def server(self) -> AsyncIterator[WorkflowEnvironment]:
        async with dev_server_with({CONTINUE_AS_NEW: 10, SIGNALS: 20}) as environment:
            yield environment

    async def test_are_refused_until_the_next_run_and_the_sender_must_try_again(
        self, server: WorkflowEnvironment, mail: FakeMail
    ) -> None:
        mail.gate.close()
        async with tracking(server, mail) as key:
            for number in range(20):
                await key.send("onPaymentFailure", event(f"evt_{number}"))
            await mail.gate.reached()
            with pytest.raises(RPCError) as refused:
                await key.send("onPaymentFailure", event("evt_20"))
            assert not is_refusal(refused.value)
            problem = temporal_problem(refused.value)
            assert (problem.status, problem.headers["Retry-After"]) == (503, "2")
            mail.gate.open()

            async def accepted() -> bool:
                try:
                    await key.send("onPaymentSuccess", event("evt_21"))
                except RPCError:
                    return False
                return True

            await eventually(accepted)


class TestBackpressure:
    @pytest.fixture(autouse=True)
    def checks_often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(backpressure, "CHECK_AFTER_MESSAGES", 5)

    async def test_a_full_run_accepts_nothing_more_until_the_next_run(
        self, dev_server: WorkflowEnvironment, mail: FakeMail, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backpressure, "FULL_EVENTS", 2 * EVENTS_BEFORE_CONTINUE_AS_NEW)
        mail.gate.close()
        async with tracking(dev_server, mail) as key:
            assert await sent_before_busy(key) < 200
            mail.gate.open()
            await eventually(lambda: len(mail.sent) >= 2)
            await until_accepted(lambda: key.send("onPaymentSuccess", event("evt_paid")))

    async def test_the_size_of_unread_messages_is_limited(
        self, dev_server: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backpressure, "UNREAD_BYTES", 20_000)
        key = EntityKey(dev_server.client, PAYMENT_TRACKER)
        assert await sent_before_busy(key) < 50
        await key.handle.terminate()

    async def test_a_feed_with_many_waiting_posts_is_full(self, dev_server: WorkflowEnvironment) -> None:
        posts = FakePosts()
        systems = UserFeedActivities(posts, FakeModeration(posts, {"0": Verdict.PENDING}))
        async with serving(dev_server.client, USER_FEED, user_feed.UserFeed, systems) as key:
            with pytest.raises(KeyBusy):
                await self.flooded(key)
            assert (await key.handle.describe()).typed_search_attributes[STATUS] == FULL
            assert 1_000 < (await key.handle.query(user_feed.UserFeed.state)).queued < 1_500

    async def flooded(self, key: EntityKey) -> None:
        for first in range(0, 3_000, 100):
            records = {n: SocialMediaPost(content=f"{n}", metadata="") for n in range(first, first + 100)}
            await key.deliver("processPost", records)
            # A query is answered after the messages before it are read.
            await key.handle.query(user_feed.UserFeed.state)


def tracking(environment: WorkflowEnvironment, mail: FakeMail) -> AbstractAsyncContextManager[EntityKey]:
    systems = PaymentTrackerActivities(FakeBilling(anytime), mail)
    plans = Plans(reminders=ReminderPlan(min_interval=timedelta(0), reminders=100))
    return serving(environment.client, PAYMENT_TRACKER, payment_tracker.PaymentTracker, systems, plans)


async def sent_before_busy(key: EntityKey) -> int:
    for number in range(1_000):
        try:
            await key.send("onPaymentFailure", event(f"evt_{number}"))
        except KeyBusy:
            return number
    raise AssertionError("the key accepted a thousand messages")
