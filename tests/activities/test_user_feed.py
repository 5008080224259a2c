"""Polling by retry, and what is written for a post."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from activities.user_feed import UserFeedActivities
from domain.user_feed import (
    Decision,
    Decisions,
    Draft,
    Drafts,
    PostRef,
    PostStatus,
    PostsToModerate,
    SocialMediaPost,
    Verdict,
)
from tests.workflows.fakes import FakeModeration, FakePosts

BOTH = PostsToModerate(
    posts=[PostRef(user="ada", post_id=post_id) for post_id in ("1", "2")], poll_interval=timedelta(seconds=7)
)


@pytest.fixture
def posts() -> FakePosts:
    return FakePosts(contents={"1": "hello", "2": "again", "3": "spam"})


@pytest.fixture
def moderation(posts: FakePosts) -> FakeModeration:
    return FakeModeration(posts)


@pytest.fixture
def activities(posts: FakePosts, moderation: FakeModeration) -> UserFeedActivities:
    return UserFeedActivities(posts, moderation)


async def test_a_pending_moderation_asks_for_an_attempt_after_the_poll_interval(
    activities: UserFeedActivities, moderation: FakeModeration
) -> None:
    moderation.verdicts["hello"] = Verdict.PENDING
    with pytest.raises(ApplicationError) as pending:
        await ActivityEnvironment().run(activities.await_verdicts, BOTH)
    assert pending.value.next_retry_delay == timedelta(seconds=7)
    assert pending.value.category is ApplicationErrorCategory.BENIGN
    assert not pending.value.non_retryable


async def test_verdicts_are_returned_in_the_order_asked(
    activities: UserFeedActivities, moderation: FakeModeration
) -> None:
    moderation.verdicts["hello"] = Verdict.REJECTED
    verdicts = await ActivityEnvironment().run(activities.await_verdicts, BOTH)
    assert verdicts == [Verdict.REJECTED, Verdict.APPROVED]


async def test_a_moderation_that_says_pending_is_asked_again(posts: FakePosts) -> None:
    """`PENDING` counts as no answer: returned as a verdict it would send the post to a person's review."""

    class SaysPending:
        async def ask(self, user: str, post_ids: list[str]) -> dict[str, Verdict]:
            return dict.fromkeys(post_ids, Verdict.PENDING)

    with pytest.raises(ApplicationError, match="Moderation is pending"):
        await ActivityEnvironment().run(UserFeedActivities(posts, SaysPending()).await_verdicts, BOTH)


async def test_the_first_posts_verdict_does_not_wait_for_the_others(
    activities: UserFeedActivities, moderation: FakeModeration
) -> None:
    moderation.verdicts["again"] = Verdict.PENDING
    verdicts = await ActivityEnvironment().run(activities.await_verdicts, BOTH)
    assert verdicts == [Verdict.APPROVED, Verdict.PENDING]


async def test_posts_are_finished_in_order(activities: UserFeedActivities, posts: FakePosts) -> None:
    statuses = {"2": PostStatus.PUBLISHED, "1": PostStatus.IN_REVIEW, "3": PostStatus.REJECTED}
    decisions = [Decision(user="ada", post_id=post_id, status=status) for post_id, status in statuses.items()]
    await ActivityEnvironment().run(activities.finish_posts, Decisions(decisions=decisions))
    assert posts.calls == ["publish again", "in_review hello", "rejected spam"]


async def test_posts_are_stored_in_order(activities: UserFeedActivities, posts: FakePosts) -> None:
    drafts = [Draft(id=f"id of {text}", post=SocialMediaPost(content=text, metadata="")) for text in "abc"]
    await ActivityEnvironment().run(activities.create_posts, Drafts(user="ada", drafts=drafts))
    assert posts.calls == ["create a", "create b", "create c"]
