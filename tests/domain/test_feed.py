"""The queue of a feed: storing, moderation, turns."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.inbox import Message
from domain.user_feed import (
    MAX_CONTENT_LENGTH,
    POSTS_IN_MODERATION,
    POSTS_PER_STORE,
    POSTS_WAITING,
    FeedMemory,
    PendingPost,
    PostStatus,
    SocialMediaPost,
    Verdict,
    post_id,
)

NOW = datetime(2024, 10, 10, tzinfo=UTC)


def queued(count: int, *, stored: bool = True, content: str = "hello") -> FeedMemory:
    draft = None if stored else SocialMediaPost(content=content, metadata="")
    return FeedMemory(queue=[PendingPost(message_id=f"m{n}", post_id=f"p{n}", draft=draft) for n in range(count)])


class TestPostId:
    MESSAGE: Message[SocialMediaPost] = Message(id="posts-0-7", body=SocialMediaPost(content="hello", metadata=""))

    def test_is_the_same_each_time_that_a_feed_gets_the_message(self) -> None:
        again = self.MESSAGE.model_copy(update={"submission": "another", "trace": "another", "offset": 8})
        assert post_id("user1", "c/t/e/0", again) == post_id("user1", "c/t/e/0", self.MESSAGE)

    def test_is_of_no_other_message(self) -> None:
        another = self.MESSAGE.model_copy(update={"id": "posts-0-8"})
        another_body = self.MESSAGE.model_copy(update={"fingerprint": "another"})
        ids = [
            post_id("user1", "c/t/e/0", self.MESSAGE),
            post_id("user2", "c/t/e/0", self.MESSAGE),
            post_id("user1", "c/t/another/0", self.MESSAGE),
            post_id("user1", None, self.MESSAGE),
            post_id("user1", "c/t/e/0", another),
            post_id("user1", "c/t/e/0", another_body),
        ]
        assert len(set(ids)) == len(ids)


class TestStoring:
    def test_takes_as_many_posts_as_one_activity_stores(self) -> None:
        memory = queued(POSTS_PER_STORE + 1, stored=False)
        memory.stored(memory.storable())
        assert [post.post_id for post in memory.storable()] == [f"p{POSTS_PER_STORE}"]
        assert memory.has_unstored()
        memory.stored(memory.storable())
        assert not memory.has_unstored()

    def test_takes_fewer_of_the_longest_posts(self) -> None:
        memory = queued(POSTS_PER_STORE, stored=False, content="\x01" * MAX_CONTENT_LENGTH)
        assert 0 < len(memory.storable()) < POSTS_PER_STORE


class TestModeration:
    def test_is_asked_about_the_next_posts_that_are_stored_and_undecided(self) -> None:
        memory = queued(POSTS_IN_MODERATION + 5)
        memory.decide({"p1": Verdict.APPROVED})
        asked = [post.post_id for post in memory.undecided()]
        assert asked == ["p0", *(f"p{n}" for n in range(2, POSTS_IN_MODERATION))]
        assert queued(1, stored=False).undecided() == []

    def test_decides_posts_in_their_order_up_to_the_first_without_a_verdict(self) -> None:
        memory = queued(4)
        memory.decide({"p1": Verdict.REJECTED, "p3": Verdict.APPROVED})
        assert memory.decisions("ada") == []
        memory.decide({"p0": Verdict.APPROVED})
        decided = [(decision.post_id, decision.status) for decision in memory.decisions("ada")]
        assert decided == [("p0", PostStatus.PUBLISHED), ("p1", PostStatus.REJECTED)]

    def test_that_takes_too_long_hands_the_post_to_a_person(self) -> None:
        memory = queued(1)
        memory.decide({"p0": Verdict.PENDING})
        [decision] = memory.decisions("ada")
        assert decision.status is PostStatus.IN_REVIEW


class TestTurn:
    def test_keeps_its_first_deadline(self) -> None:
        memory = queued(1)
        assert memory.begin_turn(NOW) == NOW
        assert memory.begin_turn(NOW + timedelta(minutes=1)) == NOW

    def test_is_followed_by_the_next_posts_turn(self) -> None:
        memory = queued(2)
        memory.finish_first(PostStatus.IN_REVIEW, NOW)
        state = memory.state()
        assert (state.queued, state.current, state.in_review) == (1, "p1", ["p0"])


@pytest.mark.parametrize(("waiting", "is_full"), [(POSTS_WAITING, False), (POSTS_WAITING + 1, True)])
def test_a_feed_is_full_when_more_posts_wait_than_allowed(waiting: int, is_full: bool) -> None:
    assert queued(waiting).is_full() is is_full


class TestState:
    def test_shows_the_next_posts_and_what_moderation_says(self) -> None:
        memory = queued(POSTS_IN_MODERATION + 5)
        memory.decide({"p1": Verdict.APPROVED})
        memory.begin_turn(NOW)
        state = memory.state()
        assert [post.post_id for post in state.queue] == [f"p{n}" for n in range(POSTS_IN_MODERATION)]
        assert [post.verdict for post in state.queue[:3]] == [Verdict.PENDING, Verdict.APPROVED, Verdict.PENDING]
        assert (state.queued, state.current, state.review_at) == (POSTS_IN_MODERATION + 5, "p0", NOW)

    def test_of_an_idle_feed_has_no_queue(self) -> None:
        state = FeedMemory().state()
        assert (state.queue, state.current, state.review_at) == ([], None, None)
