"""Transactional event processing: posts of one user, moderated together and finished in order."""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, Field

from domain.inbox import Inbox, Message, OmitEmpty, origin
from domain.pattern import Entity, Handler
from domain.payload import Payload, encoded_bytes
from domain.steps import StepMode

Origin = Annotated[str, OmitEmpty]
"""The name of a post's message in log lines: see `domain.inbox.origin`."""

MAX_CONTENT_LENGTH = 10_000
POSTS_IN_MODERATION = 20
"""How many posts of a user one activity asks moderation about, and how many one activity finishes."""
POSTS_PER_STORE = 50
"""How many posts one activity stores."""
BYTES_PER_STORE = 1_500_000
"""The most bytes of posts that one activity stores: fifty of the longest have 3.3 MB, too much for one payload."""
POSTS_WAITING = 1_000
"""Senders wait while more posts than this are queued, so that the state that a run carries fits into one payload."""
RECENT_POSTS = 20
"""How many posts the feed's state shows; the database has all of them."""


class SocialMediaPost(Payload):
    content: Annotated[str, Field(min_length=1, max_length=MAX_CONTENT_LENGTH)]
    metadata: Annotated[str, Field(max_length=1_000)]


class ModerationPlan(Payload):
    poll_interval: timedelta = timedelta(seconds=5)
    give_up_after: timedelta = timedelta(minutes=10)
    """After this time the post goes to a person for review, and the next post's turn begins."""


class PostStatus(StrEnum):
    PENDING = "PENDING"
    PUBLISHED = "PUBLISHED"
    REJECTED = "REJECTED"
    IN_REVIEW = "IN_REVIEW"


class Verdict(StrEnum):
    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


STATUS_AFTER = {
    Verdict.APPROVED: PostStatus.PUBLISHED,
    Verdict.REJECTED: PostStatus.REJECTED,
    Verdict.PENDING: PostStatus.IN_REVIEW,
}
"""The status of a post after its turn. `PENDING` stands for no verdict in time."""


def post_id(user: str, source: str | None, message: Message[SocialMediaPost]) -> str:
    """The ID of the post that a message makes: the same each time that the feed gets the message, and of no other.

    A feed that was restored to an earlier state, and gets the message again, so finds the post that it has stored.
    """
    parts = [user, source, message.id, message.fingerprint]
    return str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(parts)))


class Draft(Payload):
    """A post about to be stored. `id` is that of `post_id`, so that storing is idempotent."""

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


class PostsToModerate(Payload):
    """Poll the moderation of a user's next posts every `poll_interval`, until the first of them has a verdict."""

    posts: list[PostRef]
    poll_interval: timedelta


class Decision(PostRef):
    status: PostStatus


class Decisions(Payload):
    """The new statuses of a user's next posts, in their order."""

    decisions: list[Decision]


class PostOutcome(Payload):
    post_id: str
    status: PostStatus


class PendingPost(Payload):
    """A post in the user's queue. Its content is removed once the database has it."""

    message_id: str
    post_id: str
    draft: SocialMediaPost | None
    review_at: datetime | None = None
    """The deadline for moderation, set when the post's turn begins."""
    trace: Annotated[str | None, OmitEmpty] = None
    verdict: Annotated[Verdict | None, OmitEmpty] = None
    """The verdict of moderation, or `PENDING` after the deadline. It takes effect in the post's turn."""

    def ref(self, user: str) -> PostRef:
        return PostRef(user=user, post_id=self.post_id, origin=self.origin)

    @property
    def origin(self) -> str:
        return origin(self.message_id, self.trace)


class Review(Payload):
    """A person's decision on a post that moderation did not decide in time."""

    post_id: Annotated[str, Field(min_length=1, max_length=100)]
    approved: bool


class QueuedPost(Payload):
    post_id: str
    verdict: Annotated[Verdict, Field(description="Of moderation. It takes effect in the post's turn.")]


class FeedState(Payload):
    """The user's most recent posts, and what is queued or in review."""

    posts: list[PostOutcome]
    """The most recently finished posts, oldest first."""
    published: int
    rejected: int
    queued: int
    current: str | None
    in_review: list[str]
    queue: Annotated[list[QueuedPost], Field(description="The next 20 posts; it is the first one's turn.")]
    review_at: Annotated[
        datetime | None,
        Field(description="When the first one goes to a person, if moderation has not decided by then."),
    ]


class FeedMemory(BaseModel):
    """What a feed carries through continue-as-new. The queue has the oldest post first."""

    inbox: Inbox = Inbox()
    queue: list[PendingPost] = []
    in_review: list[str] = []
    recent: list[PostOutcome] = []
    published: int = 0
    rejected: int = 0

    def storable(self) -> list[PendingPost]:
        """The next posts to store, as many as fit into one payload."""
        new: list[PendingPost] = []
        size = 0
        for pending in self.queue:
            if pending.draft:
                size += encoded_bytes(pending.draft)
                if len(new) == POSTS_PER_STORE or size > BYTES_PER_STORE:
                    break
                new.append(pending)
        return new

    def has_unstored(self) -> bool:
        return any(pending.draft for pending in self.queue)

    def stored(self, posts: list[PendingPost]) -> None:
        """Remove the content of posts that the database has."""
        self._update({pending.post_id: {"draft": None} for pending in posts})

    def is_full(self) -> bool:
        return len(self.queue) > POSTS_WAITING

    def begin_turn(self, review_at: datetime) -> datetime:
        """Begin the first post's turn if it has not begun, and return its deadline for moderation."""
        first = self.queue[0]
        if first.review_at is None:
            self._update({first.post_id: {"review_at": review_at}})
        return first.review_at or review_at

    def undecided(self) -> list[PendingPost]:
        """The posts to ask moderation about."""
        return [post for post in self.queue[:POSTS_IN_MODERATION] if post.draft is None and post.verdict is None]

    def decisions(self, user: str) -> list[Decision]:
        """The new statuses of the next posts, up to the first without a verdict."""
        decisions: list[Decision] = []
        for post in self.queue[:POSTS_IN_MODERATION]:
            if post.verdict is None:
                break
            decisions.append(Decision(**post.ref(user).model_dump(), status=STATUS_AFTER[post.verdict]))
        return decisions

    def decide(self, verdicts: Mapping[str, Verdict]) -> None:
        """Store the verdicts on posts in the queue, by their ID."""
        self._update({post_id: {"verdict": verdict} for post_id, verdict in verdicts.items()})

    def finish_first(self, status: PostStatus, now: datetime) -> None:
        """End the first post's turn."""
        pending = self.queue.pop(0)
        outcome = PostOutcome(post_id=pending.post_id, status=status)
        self.inbox.done(pending.message_id, outcome, now)
        self.count(outcome)

    def count(self, outcome: PostOutcome) -> None:
        self.recent[:] = [*self.recent, outcome][-RECENT_POSTS:]
        self.published += outcome.status is PostStatus.PUBLISHED
        self.rejected += outcome.status is PostStatus.REJECTED
        if outcome.status is PostStatus.IN_REVIEW:
            self.in_review.append(outcome.post_id)

    def state(self) -> FeedState:
        return FeedState(
            posts=self.recent,
            published=self.published,
            rejected=self.rejected,
            queued=len(self.queue),
            current=self.queue[0].post_id if self.queue else None,
            in_review=self.in_review,
            queue=[
                QueuedPost(post_id=post.post_id, verdict=post.verdict or Verdict.PENDING)
                for post in self.queue[:POSTS_IN_MODERATION]
            ],
            review_at=self.queue[0].review_at if self.queue else None,
        )

    def _update(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Change fields of posts in the queue, by their ID."""
        self.queue[:] = [
            post.model_copy(update=changes[post.post_id]) if post.post_id in changes else post for post in self.queue
        ]


class FeedInput(Payload):
    """The input of a feed's run; the first run has no memory."""

    user: str
    plan: ModerationPlan
    steps: StepMode = StepMode.ACTIVITY
    memory: FeedMemory | None = None


PROCESS_POST = "processPost"
USER_FEED = Entity(
    "user_feed",
    "UserFeed",
    handlers={PROCESS_POST: Handler("posts_received", SocialMediaPost, PostOutcome, "WORKING")},
    start_input=lambda user, plans: FeedInput(user=user, plan=plans.moderation, steps=plans.steps),
    state=FeedState,
)
