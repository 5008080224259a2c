"""What a user's feed does: store posts, wait for moderation, publish."""

from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.user_feed import Draft, Drafts, ModerationCheck, PostRef, PostStatus, Verdict


class Posts(Protocol):
    """Our posts and feeds; every call is idempotent by the post's ID."""

    async def create(self, user: str, drafts: list[Draft]) -> None:
        """Store posts, in the order given."""

    async def publish(self, user: str, post_id: str) -> None:
        """Append a post to its user's feed."""

    async def set_status(self, post_id: str, status: PostStatus) -> None:
        """Record what became of a post that is not published."""


class Moderation(Protocol):
    """A content moderation service."""

    async def verdict(self, user: str, post_id: str) -> Verdict:
        """Ask for the verdict on a post; the first question submits it."""


class UserFeedActivities:
    """The downstream systems of a feed."""

    def __init__(self, posts: Posts, moderation: Moderation) -> None:
        self._posts = posts
        self._moderation = moderation

    @activity.defn
    async def create_posts(self, drafts: Drafts) -> None:
        await self._posts.create(drafts.user, drafts.drafts)
        for draft in drafts.drafts:
            activity.logger.info("Creating post %s for user %s%s", draft.id, drafts.user, _about(draft.origin))

    @activity.defn
    async def await_moderation(self, check: ModerationCheck) -> Verdict:
        """Return the verdict; as long as there is none, ask Temporal for another attempt after the poll interval.

        Polling by retry leaves one event in the history however long it takes.
        """
        verdict = await self._moderation.verdict(check.user, check.post_id)
        if verdict is Verdict.PENDING:
            activity.logger.info(
                "Content moderation for post %s is still pending... Will check again in %g seconds%s",
                check.post_id,
                check.poll_interval.total_seconds(),
                _about(check.origin),
            )
            raise ApplicationError(
                "Moderation is pending.",
                type="ModerationPending",
                next_retry_delay=check.poll_interval,
                category=ApplicationErrorCategory.BENIGN,
            )
        activity.logger.info("Content moderation for post %s is done%s", check.post_id, _about(check.origin))
        return verdict

    @activity.defn
    async def publish(self, post: PostRef) -> None:
        await self._posts.publish(post.user, post.post_id)
        activity.logger.info(
            "Updating user feed for user %s with post %s%s", post.user, post.post_id, _about(post.origin)
        )

    @activity.defn
    async def reject(self, post: PostRef) -> None:
        await self._posts.set_status(post.post_id, PostStatus.REJECTED)
        activity.logger.info("Post %s of user %s was rejected%s", post.post_id, post.user, _about(post.origin))

    @activity.defn
    async def send_to_review(self, post: PostRef) -> None:
        await self._posts.set_status(post.post_id, PostStatus.IN_REVIEW)
        activity.logger.warning(
            "Post %s of user %s waits for a person's review%s", post.post_id, post.user, _about(post.origin)
        )


def _about(origin: str) -> str:
    return f" (message {origin})" if origin else ""
