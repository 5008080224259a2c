"""The steps of a user's feed: store posts, wait for moderation, publish."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.user_feed import (
    Decisions,
    Draft,
    Drafts,
    PostRef,
    PostStatus,
    PostsToModerate,
    Verdict,
)

MESSAGES = {
    PostStatus.PUBLISHED: ("Updating user feed for user %(user)s with post %(post)s%(about)s", logging.INFO),
    PostStatus.REJECTED: ("Post %(post)s of user %(user)s was rejected%(about)s", logging.INFO),
    PostStatus.IN_REVIEW: ("Post %(post)s of user %(user)s waits for a person's review%(about)s", logging.WARNING),
}
"""The log message of a finished post, and its level."""


class Posts(Protocol):
    """Our posts and feeds; every call is idempotent by the post's ID."""

    async def create(self, user: str, drafts: list[Draft]) -> None:
        """Store posts, in the order given."""

    async def publish(self, user: str, post_ids: list[str]) -> None:
        """Append posts to their user's feed, in the order given."""

    async def set_status(self, post_ids: list[str], status: PostStatus) -> None:
        """Store the status of posts that are not published."""


class Moderation(Protocol):
    """A content moderation service."""

    async def ask(self, user: str, post_ids: list[str]) -> Mapping[str, Verdict]:
        """Return the verdicts so far, by post ID. The first question about a post submits it.

        A post that cannot be asked about has no verdict: an error must not delay the posts before it.
        """


class UserFeedActivities:
    """The activities of a feed."""

    def __init__(self, posts: Posts, moderation: Moderation) -> None:
        self._posts = posts
        self._moderation = moderation

    @activity.defn
    async def create_posts(self, drafts: Drafts) -> None:
        await self._posts.create(drafts.user, drafts.drafts)
        for draft in drafts.drafts:
            activity.logger.info("Creating post %s for user %s%s", draft.id, drafts.user, _about(draft.origin))

    @activity.defn
    async def await_verdicts(self, waiting: PostsToModerate) -> list[Verdict]:
        """Return the verdict on each post, `PENDING` for those that have none yet.

        While the first post has none, raise an error that Temporal retries after the poll interval: however long the
        polling takes, the history has one activity.
        """
        user = waiting.posts[0].user
        found = await self._moderation.ask(user, [post.post_id for post in waiting.posts])
        verdicts = [found.get(post.post_id, Verdict.PENDING) for post in waiting.posts]
        asked = list(zip(waiting.posts, verdicts, strict=True))
        if verdicts[0] is Verdict.PENDING:
            for post, verdict in asked:
                if verdict is Verdict.PENDING:
                    _log_pending(post, waiting.poll_interval)
            raise _moderation_pending(waiting.poll_interval)
        for post, verdict in asked:
            if verdict is not Verdict.PENDING:
                activity.logger.info("Content moderation for post %s is done%s", post.post_id, _about(post.origin))
        return verdicts

    @activity.defn
    async def finish_posts(self, finished: Decisions) -> None:
        """Publish each post or store its other status, in their order."""
        for status, decisions in groupby(finished.decisions, lambda decision: decision.status):
            await self._finish(status, list(decisions))

    async def _finish(self, status: PostStatus, posts: Sequence[PostRef]) -> None:
        post_ids = [post.post_id for post in posts]
        if status is PostStatus.PUBLISHED:
            await self._posts.publish(posts[0].user, post_ids)
        else:
            await self._posts.set_status(post_ids, status)
        message, level = MESSAGES[status]
        for post in posts:
            values = {"post": post.post_id, "user": post.user, "about": _about(post.origin)}
            activity.logger.log(level, message, values)


def _log_pending(post: PostRef, poll_interval: timedelta) -> None:
    activity.logger.info(
        "Content moderation for post %s is still pending... Will check again in %g seconds%s",
        post.post_id,
        poll_interval.total_seconds(),
        _about(post.origin),
    )


def _moderation_pending(poll_interval: timedelta) -> ApplicationError:
    return ApplicationError(
        "Moderation is pending.",
        type="ModerationPending",
        next_retry_delay=poll_interval,
        category=ApplicationErrorCategory.BENIGN,
    )


def _about(origin: str) -> str:
    return f" (message {origin})" if origin else ""
