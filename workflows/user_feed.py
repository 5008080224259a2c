"""Transactional event processing: one queue per user, so that a slow user delays nobody else.

    posts_received ─► queue ─► store ─► wait for moderation ─► publish | reject | hand to a person
                        └── one post at a time, in the order received

All waiting posts are stored with one activity; from then on the queue holds only their IDs. Moderation is polled by
the retries of one activity, and bounded: a post that is not decided in time goes to human review, and the
next one takes its turn.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.user_feed import UserFeedActivities
    from domain.inbox import Batch, Inbox, Receipt
    from domain.patterns import USER_FEED
    from domain.payload import Payload, encoded_bytes
    from domain.user_feed import (
        RECENT_POSTS,
        Draft,
        Drafts,
        FeedState,
        ModerationCheck,
        ModerationPlan,
        PendingPost,
        PostOutcome,
        PostRef,
        PostStatus,
        Review,
        SocialMediaPost,
        Verdict,
    )
    from workflows import policies
    from workflows.backpressure import FULL
    from workflows.entity import Entity, Handler
    from workflows.search_attributes import STATUS

PostActivity = Callable[[UserFeedActivities, PostRef], Awaitable[None]]
POSTS_PER_STORE = 50
"""Posts that one activity stores."""
BYTES_PER_STORE = 1_500_000
"""Of posts that one activity stores. Fifty of the longest posts have up to 3.3 MB: more than a payload takes."""

POSTS_WAITING = 1_000
"""Posts in the queue from which on senders have to wait: what a run carries fits into one payload."""


class FeedMemory(BaseModel):
    """What a feed carries through continue-as-new."""

    inbox: Inbox = Inbox()
    queue: list[PendingPost] = []
    in_review: list[str] = []
    recent: list[PostOutcome] = []
    published: int = 0
    rejected: int = 0


class FeedStart(Payload):
    user: str
    plan: ModerationPlan
    memory: FeedMemory | None = None


@workflow.defn(name="UserFeed")
class UserFeed:
    """One user's posts, each moderated and published before the next one's turn.

    Signal: posts_received. Queries: state, receipt. Update: review_post, by a person.
    """

    @workflow.init
    def __init__(self, start: FeedStart) -> None:
        self._user = start.user
        self._plan = start.plan
        self._memory = start.memory or FeedMemory()
        self._queue = self._memory.queue
        self._shown: str | None = None

    @workflow.run
    async def run(self, start: FeedStart) -> None:
        while True:
            self._show_work()
            await workflow.wait_condition(lambda: bool(self._queue) or self._must_continue_as_new())
            if self._queue:
                await self._store_new_posts()
                await self._take_turn(self._queue[0])
            if self._must_continue_as_new():
                await self._continue_as_new()

    async def _store_new_posts(self) -> None:
        new = self._storable()
        if not new:
            return
        drafts = [Draft(id=p.post_id, post=p.draft, origin=p.origin) for p in new if p.draft]
        await workflow.execute_activity_method(
            UserFeedActivities.create_posts,
            Drafts(user=self._user, drafts=drafts),
            **policies.DATABASE,
            summary=f"store {len(drafts)} posts",
        )
        stored = {pending.post_id for pending in new}
        self._queue[:] = [
            pending.model_copy(update={"draft": None}) if pending.post_id in stored else pending
            for pending in self._queue
        ]

    def _storable(self) -> list[PendingPost]:
        """The next posts to store, oldest first, as many as fit into one payload."""
        new: list[PendingPost] = []
        size = 0
        for pending in self._queue:
            if pending.draft:
                size += encoded_bytes(pending.draft)
                if len(new) == POSTS_PER_STORE or size > BYTES_PER_STORE:
                    break
                new.append(pending)
        return new

    async def _take_turn(self, pending: PendingPost) -> None:
        pending = self._queue[0] = self._with_deadline(pending)
        verdict = await self._moderate(pending)
        if verdict is None:
            return
        post = PostRef(user=self._user, post_id=pending.post_id, origin=pending.origin)
        status = await self._apply(verdict, post)
        outcome = PostOutcome(post_id=pending.post_id, status=status)
        self._queue.pop(0)
        self._memory.inbox.done(pending.message_id, outcome, workflow.now())
        self._count(outcome)

    def _with_deadline(self, pending: PendingPost) -> PendingPost:
        if pending.review_at is not None:
            return pending
        return pending.model_copy(update={"review_at": workflow.now() + self._plan.give_up_after})

    async def _moderate(self, pending: PendingPost) -> Verdict | None:
        """Return the verdict, `PENDING` if there was none in time, or None if this run must end first."""
        time_left = (pending.review_at or workflow.now()) - workflow.now()
        if time_left <= timedelta(0):
            return Verdict.PENDING
        check = workflow.start_activity_method(
            UserFeedActivities.await_moderation,
            ModerationCheck(
                user=self._user,
                post_id=pending.post_id,
                poll_interval=self._plan.poll_interval,
                origin=pending.origin,
            ),
            start_to_close_timeout=timedelta(seconds=10),
            schedule_to_close_timeout=time_left,
            retry_policy=RetryPolicy(initial_interval=self._plan.poll_interval, backoff_coefficient=1.0),
            summary=f"moderation of post {pending.post_id}",
        )
        await workflow.wait_condition(lambda: check.done() or self._must_continue_as_new())
        if not check.done():
            check.cancel()
            return None
        try:
            return await check
        except ActivityError:
            return Verdict.PENDING

    async def _apply(self, verdict: Verdict, post: PostRef) -> PostStatus:
        if verdict is Verdict.APPROVED:
            await self._run(UserFeedActivities.publish, post, f"publish post {post.post_id}")
            return PostStatus.PUBLISHED
        if verdict is Verdict.REJECTED:
            await self._run(UserFeedActivities.reject, post, f"reject post {post.post_id}")
            return PostStatus.REJECTED
        await self._run(UserFeedActivities.send_to_review, post, f"hand post {post.post_id} to a person")
        self._memory.in_review.append(post.post_id)
        return PostStatus.IN_REVIEW

    async def _run(self, activity: PostActivity, post: PostRef, summary: str) -> None:
        await workflow.execute_activity_method(activity, post, **policies.DATABASE, summary=summary)

    def _count(self, outcome: PostOutcome) -> None:
        self._memory.recent[:] = [*self._memory.recent, outcome][-RECENT_POSTS:]
        self._memory.published += outcome.status is PostStatus.PUBLISHED
        self._memory.rejected += outcome.status is PostStatus.REJECTED

    def _must_continue_as_new(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    async def _continue_as_new(self) -> None:
        while any(pending.draft for pending in self._queue) or not workflow.all_handlers_finished():
            await self._store_new_posts()
            await workflow.wait_condition(workflow.all_handlers_finished)
        self._memory.inbox.forget_beyond()
        workflow.continue_as_new(FeedStart(user=self._user, plan=self._plan, memory=self._memory))

    def _is_full(self) -> bool:
        return len(self._queue) > POSTS_WAITING and workflow.patched("full-feed")

    def _show_work(self) -> None:
        self._show(FULL if self._is_full() else "WORKING" if self._queue else "IDLE")

    def _show(self, status: str) -> None:
        if self._shown != status:
            self._shown = status
            workflow.upsert_search_attributes([STATUS.value_set(status)])
        m = self._memory
        workflow.set_current_details(
            f"{status}. {len(m.queue)} posts queued, {m.published} published, {m.rejected} rejected, "
            f"{len(m.in_review)} in review."
        )

    @workflow.signal
    def posts_received(self, batch: Batch[SocialMediaPost]) -> None:
        for message in self._memory.inbox.admit("processPost", batch, workflow.now()):
            pending = PendingPost(
                message_id=message.id, post_id=str(workflow.uuid4()), draft=message.body, trace=message.trace
            )
            workflow.logger.info("Post %s is message %s", pending.post_id, message.origin)
            self._queue.append(pending)
        if self._shown != FULL and self._is_full():
            self._show(FULL)

    @workflow.update
    async def review_post(self, review: Review) -> PostOutcome:
        """Publish or reject a post that waited for a person; published, it goes to the feed's end."""
        self._memory.in_review.remove(review.post_id)
        verdict = Verdict.APPROVED if review.approved else Verdict.REJECTED
        status = await self._apply(verdict, PostRef(user=self._user, post_id=review.post_id))
        outcome = PostOutcome(post_id=review.post_id, status=status)
        self._count(outcome)
        return outcome

    @review_post.validator
    def _is_in_review(self, review: Review) -> None:
        if review.post_id not in self._memory.in_review:
            raise ApplicationError(f"Post {review.post_id!r} is not in review.", type="NotInReview")

    @workflow.query
    def state(self) -> FeedState:
        return FeedState(
            posts=self._memory.recent,
            published=self._memory.published,
            rejected=self._memory.rejected,
            queued=len(self._queue),
            current=self._queue[0].post_id if self._queue else None,
            in_review=self._memory.in_review,
        )

    @workflow.query
    def receipt(self, message_id: str) -> Receipt | None:
        return self._memory.inbox.receipts.get(message_id)


def entity(plan: ModerationPlan) -> Entity:
    """The service as gateway and ingress send to it."""
    return Entity(
        pattern=USER_FEED,
        workflow="UserFeed",
        handlers={"processPost": Handler("posts_received", SocialMediaPost, PostOutcome)},
        start_input=lambda key: FeedStart(user=key, plan=plan),
    )
