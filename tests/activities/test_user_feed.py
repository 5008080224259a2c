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
    ModerationCheck,
    PostRef,
    PostStatus,
    PostsToModerate,
    SocialMediaPost,
    Verdict,
)
from tests.workflows.fakes import FakeModeration, FakePosts

CHECK = ModerationCheck(user="ada", post_id="1", poll_interval=timedelta(seconds=7))
POST = PostRef(user="ada", post_id="1")
BOTH = PostsToModerate(posts=[POST, PostRef(user="ada", post_id="2")], poll_interval=timedelta(seconds=7))


@pytest.fixture
def posts() -> FakePosts:
    return FakePosts(contents={"1": "hello", "2": "again"})


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
        await ActivityEnvironment().run(activities.await_moderation, CHECK)
    assert pending.value.next_retry_delay == timedelta(seconds=7)
    assert pending.value.category is ApplicationErrorCategory.BENIGN
    assert not pending.value.non_retryable


@pytest.mark.parametrize("verdict", [Verdict.APPROVED, Verdict.REJECTED])
async def test_a_verdict_is_returned(
    activities: UserFeedActivities, moderation: FakeModeration, verdict: Verdict
) -> None:
    moderation.verdicts["hello"] = verdict
    assert await ActivityEnvironment().run(activities.await_moderation, CHECK) is verdict


async def test_a_moderation_that_says_pending_is_asked_again(posts: FakePosts) -> None:
    """As if it had said nothing: `PENDING` as an answer would hand the post to a person."""

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
    statuses = {"2": PostStatus.PUBLISHED, "1": PostStatus.IN_REVIEW}
    decisions = [Decision(user="ada", post_id=post_id, status=status) for post_id, status in statuses.items()]
    await ActivityEnvironment().run(activities.finish_posts, Decisions(decisions=decisions))
    assert posts.calls == ["publish again", "in_review hello"]


async def test_posts_are_stored_in_order(activities: UserFeedActivities, posts: FakePosts) -> None:
    drafts = [Draft(id=f"id of {text}", post=SocialMediaPost(content=text, metadata="")) for text in "abc"]
    await ActivityEnvironment().run(activities.create_posts, Drafts(user="ada", drafts=drafts))
    assert posts.calls == ["create a", "create b", "create c"]


async def test_a_decision_is_written(activities: UserFeedActivities, posts: FakePosts) -> None:
    for write in (activities.publish, activities.reject, activities.send_to_review):
        await ActivityEnvironment().run(write, POST)
    assert posts.calls == ["publish hello", "rejected hello", "in_review hello"]
