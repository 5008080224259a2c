"""A user's posts, with a moderation that can be slow."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from activities.user_feed import UserFeedActivities
from domain.inbox import ReceiptStatus
from domain.plans import Plans
from domain.steps import StepMode
from domain.user_feed import (
    POSTS_IN_MODERATION,
    USER_FEED,
    FeedState,
    ModerationPlan,
    PostOutcome,
    PostStatus,
    Review,
    SocialMediaPost,
    Verdict,
)
from tests.eventually import eventually
from tests.histories import activities, events, until_idle
from tests.workflows.conftest import EVENTS_BEFORE_CONTINUE_AS_NEW
from tests.workflows.entity_key import EntityKey, serving
from tests.workflows.fakes import FakeModeration, FakePosts
from workflows.user_feed import UserFeed

PLAN = ModerationPlan(poll_interval=timedelta(seconds=5), give_up_after=timedelta(minutes=10))


def post(content: str) -> SocialMediaPost:
    return SocialMediaPost(content=content, metadata="")


@dataclass
class Feed:
    """A user, their feed's workflow, and the systems around it."""

    key: EntityKey
    posts: FakePosts
    moderation: FakeModeration
    environment: WorkflowEnvironment

    async def receives(self, *contents: str) -> list[str]:
        return await self.key.send("processPost", *map(post, contents))

    async def delivered(self, *offsets: int, source: str = "cluster/topic/epoch-1/0") -> None:
        """Records from Kafka, each with its offset as content."""
        await self.key.deliver("processPost", {offset: post(f"{offset}") for offset in offsets}, source)

    async def has_finished(self, *calls: str) -> None:
        """Wait for these calls, in this order, and check that there are no others."""
        await eventually(lambda: len(self.posts.finished()) >= len(calls))
        await until_idle(self.key.handle)
        assert self.posts.finished() == list(calls)

    async def has_finished_first(self, *calls: str) -> None:
        await eventually(lambda: self.posts.finished() == list(calls))

    async def shows_queued(self, queued: int) -> None:
        async def shows() -> bool:
            return (await self.state()).queued == queued

        await eventually(shows)

    async def polls(self, content: str) -> None:
        """Wait until moderation was asked about the post."""
        await eventually(lambda: content in self.moderation.asked)

    async def passes(self, time: timedelta) -> None:
        await self.environment.sleep(time)

    async def state(self) -> FeedState:
        return await self.key.handle.query(UserFeed.state)

    async def reviewed(self, content: str, approved: bool) -> PostOutcome:
        review = Review(post_id=self.posts.id_of(content), approved=approved)
        return await self.key.handle.execute_update(UserFeed.review_post, review)


@asynccontextmanager
async def feeding(environment: WorkflowEnvironment, plan: ModerationPlan, steps: StepMode) -> AsyncIterator[Feed]:
    posts = FakePosts()
    moderation = FakeModeration(posts)
    systems = UserFeedActivities(posts, moderation)
    async with serving(environment.client, USER_FEED, UserFeed, systems, Plans(moderation=plan, steps=steps)) as key:
        yield Feed(key, posts, moderation, environment)


@pytest.fixture
async def feed(time_skipping: WorkflowEnvironment, steps: StepMode) -> AsyncIterator[Feed]:
    async with feeding(time_skipping, PLAN, steps) as feed:
        yield feed
        # A poll that outlives its workflow would prevent the server from skipping time.
        feed.moderation.verdicts.clear()
        await feed.passes(timedelta(seconds=10))


class TestOrder:
    async def test_posts_are_published_in_the_order_in_which_they_came(self, feed: Feed) -> None:
        await feed.receives("a", "b")
        await feed.receives("c")
        await feed.has_finished("publish a", "publish b", "publish c")

    async def test_a_post_waits_for_the_one_before_it_however_long_its_moderation_takes(self, feed: Feed) -> None:
        feed.moderation.verdicts["a"] = Verdict.PENDING
        await feed.receives("a", "b")
        await feed.polls("a")
        await feed.passes(timedelta(minutes=5))
        assert feed.posts.finished() == []
        feed.moderation.verdicts["a"] = Verdict.APPROVED
        await feed.passes(timedelta(seconds=10))
        await feed.has_finished("publish a", "publish b")

    async def test_waiting_posts_are_stored_together_before_their_turn(self, feed: Feed) -> None:
        feed.moderation.verdicts["a"] = Verdict.PENDING
        await feed.receives("a", "b", "c")
        await feed.polls("a")
        assert feed.posts.calls == ["create a", "create b", "create c"]
        assert len(await activities(feed.key.handle, "create_posts")) == 1


class TestConcurrentModeration:
    async def test_decided_posts_are_published_together_with_the_one_that_they_wait_for(self, feed: Feed) -> None:
        feed.moderation.verdicts["0"] = Verdict.PENDING
        contents = [str(number) for number in range(POSTS_IN_MODERATION)]
        await feed.receives(*contents)
        await feed.polls(contents[-1])
        feed.moderation.verdicts["0"] = Verdict.APPROVED
        await feed.passes(timedelta(seconds=5))
        await feed.has_finished(*(f"publish {content}" for content in contents))
        assert len(await activities(feed.key.handle, "await_verdicts")) == 1
        assert len(await activities(feed.key.handle, "finish_posts")) == 1

    async def test_moderation_is_asked_about_a_limited_number_of_posts(self, feed: Feed) -> None:
        feed.moderation.verdicts["0"] = Verdict.PENDING
        contents = [str(number) for number in range(POSTS_IN_MODERATION + 5)]
        await feed.receives(*contents)
        await feed.polls(contents[POSTS_IN_MODERATION - 1])
        await feed.passes(timedelta(seconds=12))
        assert set(feed.moderation.asked) == set(contents[:POSTS_IN_MODERATION])

    async def test_a_decided_post_is_not_asked_about_again_while_the_next_one_is_pending(self, feed: Feed) -> None:
        feed.moderation.verdicts["b"] = Verdict.PENDING
        await feed.receives("a", "b", "c")
        await feed.has_finished_first("publish a")
        await feed.passes(timedelta(seconds=32))
        assert feed.moderation.asked.count("c") == 1
        assert feed.moderation.asked.count("b") > 5

    async def test_the_time_limit_of_a_post_begins_with_its_turn(self, feed: Feed) -> None:
        feed.moderation.verdicts.update(a=Verdict.PENDING, b=Verdict.PENDING)
        await feed.receives("a", "b")
        await feed.polls("b")
        await feed.passes(timedelta(minutes=11))
        await feed.has_finished_first("in_review a")
        await feed.passes(timedelta(minutes=5))
        feed.moderation.verdicts["b"] = Verdict.APPROVED
        await feed.passes(timedelta(seconds=10))
        await feed.has_finished("in_review a", "publish b")


class TestModeration:
    async def test_a_rejected_post_is_not_published_and_the_next_one_is(self, feed: Feed) -> None:
        feed.moderation.verdicts["a"] = Verdict.REJECTED
        await feed.receives("a", "b")
        await feed.has_finished("rejected a", "publish b")
        state = await feed.state()
        assert (state.rejected, state.published) == (1, 1)

    async def test_is_asked_every_five_seconds_with_one_activity_in_the_history(self, feed: Feed) -> None:
        feed.moderation.verdicts["a"] = Verdict.PENDING
        await feed.receives("a")
        await feed.polls("a")
        await feed.passes(timedelta(seconds=62))
        assert len(feed.moderation.asked) == 13
        feed.moderation.verdicts["a"] = Verdict.APPROVED
        await feed.passes(timedelta(seconds=5))
        await feed.has_finished("publish a")
        assert len(await activities(feed.key.handle, "await_verdicts")) == 1

    async def test_that_takes_too_long_hands_the_post_to_a_person_and_the_next_post_follows(self, feed: Feed) -> None:
        feed.moderation.verdicts["a"] = Verdict.PENDING
        await feed.receives("a", "b")
        await feed.polls("a")
        await feed.passes(timedelta(minutes=9))
        assert feed.posts.finished() == []
        await feed.passes(timedelta(minutes=2))
        await feed.has_finished("in_review a", "publish b")
        assert (await feed.state()).in_review == [feed.posts.id_of("a")]


class TestReview:
    @pytest.fixture
    async def feed(self, feed: Feed) -> Feed:
        """A feed with post `a` in review."""
        feed.moderation.verdicts["a"] = Verdict.PENDING
        await feed.receives("a")
        await feed.polls("a")
        await feed.passes(timedelta(minutes=11))
        await feed.has_finished("in_review a")
        return feed

    @pytest.mark.parametrize(
        ("approved", "status", "call"),
        [(True, PostStatus.PUBLISHED, "publish a"), (False, PostStatus.REJECTED, "rejected a")],
    )
    async def test_publishes_or_rejects_the_post(
        self, feed: Feed, approved: bool, status: PostStatus, call: str
    ) -> None:
        outcome = await feed.reviewed("a", approved)
        assert outcome == PostOutcome(post_id=feed.posts.id_of("a"), status=status)
        await feed.has_finished("in_review a", call)
        state = await feed.state()
        assert state.in_review == []
        assert (state.published, state.rejected) == (int(approved), int(not approved))

    async def test_of_a_post_that_is_not_in_review_is_refused(self, feed: Feed) -> None:
        await feed.reviewed("a", approved=True)
        for post_id in (feed.posts.id_of("a"), "unknown"):
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await feed.key.handle.execute_update(UserFeed.review_post, Review(post_id=post_id, approved=True))
            assert isinstance(refused.value.cause, ApplicationError)
            assert refused.value.cause.type == "NotInReview"


class TestRedelivery:
    async def test_a_record_is_applied_once_however_often_it_is_delivered(self, feed: Feed) -> None:
        await feed.delivered(3, 4)
        await feed.delivered(3, 4, 7)
        await feed.delivered(4, 7)
        await feed.has_finished("publish 3", "publish 4", "publish 7")

    async def test_a_recreated_topic_is_not_a_redelivery(self, feed: Feed) -> None:
        await feed.delivered(0, 1)
        await feed.delivered(0, source="cluster/topic/epoch-2/0")
        await feed.has_finished("publish 0", "publish 1", "publish 0")


class TestState:
    async def test_shows_what_waits_and_what_is_finished(self, feed: Feed) -> None:
        feed.moderation.verdicts["b"] = Verdict.PENDING
        await feed.receives("a", "b", "c")
        await feed.has_finished_first("publish a")
        await feed.shows_queued(queued=2)
        state = await feed.state()
        assert (state.queued, state.current) == (2, feed.posts.id_of("b"))
        assert state.posts == [PostOutcome(post_id=feed.posts.id_of("a"), status=PostStatus.PUBLISHED)]

    async def test_a_receipt_is_queued_until_the_posts_turn_is_over(self, feed: Feed) -> None:
        feed.moderation.verdicts["a"] = Verdict.PENDING
        [message_id] = await feed.receives("a")
        await feed.polls("a")
        receipt = await feed.key.receipt(message_id)
        assert receipt
        assert receipt.status is ReceiptStatus.QUEUED
        feed.moderation.verdicts["a"] = Verdict.APPROVED
        await feed.passes(timedelta(seconds=5))
        receipt = await feed.key.answered(message_id)
        assert PostOutcome.model_validate(receipt.outcome).status is PostStatus.PUBLISHED


class TestContinueAsNew:
    @pytest.fixture
    async def feed(self, dev_server: WorkflowEnvironment, steps: StepMode) -> AsyncIterator[Feed]:
        plan = ModerationPlan(poll_interval=timedelta(milliseconds=100))
        async with feeding(dev_server, plan, steps) as feed:
            yield feed

    async def test_while_moderation_is_pending_loses_nothing_and_keeps_the_order(
        self, feed: Feed, steps: StepMode
    ) -> None:
        secret = uuid.uuid4().hex
        contents = [f"{number} {secret}" for number in range(EVENTS_BEFORE_CONTINUE_AS_NEW)]
        feed.moderation.verdicts[contents[0]] = Verdict.PENDING
        first, *_ = await feed.receives(contents[0])
        await feed.polls(contents[0])
        run = await feed.key.run_id()
        for content in contents[1:]:
            await feed.receives(content)

        async def continued() -> bool:
            return await feed.key.run_id() != run

        await eventually(continued)
        assert feed.posts.finished() == []
        [started] = await events(feed.key.handle, "WORKFLOW_EXECUTION_STARTED")
        assert secret.encode() not in started.SerializeToString()
        assert f'"steps":"{steps}"'.encode() in started.SerializeToString()
        receipt = await feed.key.receipt(first)
        assert receipt
        assert receipt.status is ReceiptStatus.QUEUED
        feed.moderation.verdicts.clear()
        await feed.has_finished(*(f"publish {content}" for content in contents))
        assert (await feed.state()).published == len(contents)
        assert (await feed.key.answered(first)).status is ReceiptStatus.DONE
