"""Transactional event processing: posts of one user, moderated and published one after the other."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from domain.inbox import OmitEmpty, origin
from domain.payload import Payload

Origin = Annotated[str, OmitEmpty]
"""Names in log lines the message that a step is about: see `domain.inbox.origin`."""

MAX_CONTENT_LENGTH = 10_000
RECENT_POSTS = 20
"""Posts that the feed's state shows; the database has them all."""


class SocialMediaPost(Payload):
    content: Annotated[str, Field(min_length=1, max_length=MAX_CONTENT_LENGTH)]
    metadata: Annotated[str, Field(max_length=1_000)]


class ModerationPlan(Payload):
    poll_interval: timedelta = timedelta(seconds=5)
    give_up_after: timedelta = timedelta(minutes=10)
    """After this the post waits for a person, and the user's next post takes its turn."""


class PostStatus(StrEnum):
    PENDING = "PENDING"
    PUBLISHED = "PUBLISHED"
    REJECTED = "REJECTED"
    IN_REVIEW = "IN_REVIEW"


class Verdict(StrEnum):
    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class Draft(Payload):
    """A post about to be stored. `id` is chosen by the workflow, so that storing is idempotent."""

    id: str
    post: SocialMediaPost
    origin: Origin = ""


class Drafts(Payload):
    user: str
    drafts: list[Draft]


class PostRef(Payload):
    user: str
    post_id: str
    origin: Origin = ""


class ModerationCheck(Payload):
    """Poll the moderation of a post every `poll_interval`."""

    user: str
    post_id: str
    poll_interval: timedelta
    origin: Origin = ""


class PostOutcome(Payload):
    post_id: str
    status: PostStatus


class PendingPost(Payload):
    """A post in the user's queue. Its content goes to the database with the first step, its ID stays."""

    message_id: str
    post_id: str
    draft: SocialMediaPost | None
    review_at: datetime | None = None
    """When moderation has taken too long; set when the post's turn comes."""
    trace: Annotated[str | None, OmitEmpty] = None

    @property
    def origin(self) -> str:
        return origin(self.message_id, self.trace)


class Review(Payload):
    """A person's decision on a post that moderation did not decide in time."""

    post_id: Annotated[str, Field(min_length=1, max_length=100)]
    approved: bool


class FeedState(Payload):
    """What `GET /UserFeed/{user}` shows."""

    posts: list[PostOutcome]
    """The most recent ones that were finished, oldest first."""
    published: int
    rejected: int
    queued: int
    current: str | None
    in_review: list[str]
