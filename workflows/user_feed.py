"""Transactional event processing: one queue per user, so that a slow user delays nobody else.

    posts_received ─► queue ─► store ─► wait for moderation ─► publish | reject | hand to a person
                                        └── of the next 20     └── in the order received

All waiting posts are stored with one activity; from then on the queue holds only their IDs. Moderation is asked about
the next posts side by side, by the retries of one activity until the first of them is decided; a verdict takes effect
when those before it have. It is bounded: a post that is not decided in time of its turn goes to human review, and
the next one takes its turn.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.user_feed import UserFeedActivities
    from domain.inbox import Batch, Receipt
    from domain.patterns import USER_FEED
    from domain.payload import Payload
    from domain.user_feed import (
        Decision,
        Decisions,
        Draft,
        Drafts,
        FeedMemory,
        FeedState,
        ModerationPlan,
        PendingPost,
        PostOutcome,
        PostRef,
        PostStatus,
        PostsToModerate,
        Review,
        SocialMediaPost,
        Verdict,
    )
    from workflows import policies
    from workflows.backpressure import FULL
    from workflows.entity import Entity, Handler
    from workflows.search_attributes import STATUS

STATUS_AFTER = {
    Verdict.APPROVED: PostStatus.PUBLISHED,
    Verdict.REJECTED: PostStatus.REJECTED,
    Verdict.PENDING: PostStatus.IN_REVIEW,
}
POSTS_WAITING = 1_000
"""Posts in the queue from which on senders have to wait: what a run carries fits into one payload."""


class FeedStart(Payload):
    user: str
    plan: ModerationPlan
    memory: FeedMemory | None = None


@workflow.defn(name="UserFeed")
class UserFeed:
    """One user's posts, each finished before the next one's turn.

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
                await self._take_turn()
            if self._must_continue_as_new():
                await self._continue_as_new()

    async def _store_new_posts(self) -> None:
        new = self._memory.storable()
        if not new:
            return
        drafts = [Draft(id=p.post_id, post=p.draft, origin=p.origin) for p in new if p.draft]
        await workflow.execute_activity_method(
            UserFeedActivities.create_posts,
            Drafts(user=self._user, drafts=drafts),
            **policies.DATABASE,
            summary=f"store {len(drafts)} posts",
        )
        self._memory.update({pending.post_id: {"draft": None} for pending in new})

    async def _take_turn(self) -> None:
        """Wait until the first post has a verdict, then finish it and those right behind it that have one too."""
        if self._queue[0].review_at is None:
            self._memory.update({self._queue[0].post_id: {"review_at": workflow.now() + self._plan.give_up_after}})
        if self._queue[0].verdict is None and not await self._moderate():
            return
        decisions = [
            Decision(**self._ref(pending).model_dump(), status=STATUS_AFTER[verdict])
            for pending, verdict in self._memory.decided()
        ]
        await self._write(decisions, f"finish {len(decisions)} posts")
        for decision in decisions:
            self._finish(decision.status)

    async def _write(self, decisions: list[Decision], summary: str) -> None:
        await workflow.execute_activity_method(
            UserFeedActivities.finish_posts, Decisions(decisions=decisions), **policies.DATABASE, summary=summary
        )

    async def _moderate(self) -> bool:
        """Note the verdicts on the next posts; the first has one then. False if this run must end first."""
        asked = self._memory.undecided()
        verdicts = await self._poll(
            PostsToModerate(posts=[self._ref(p) for p in asked], poll_interval=self._plan.poll_interval)
        )
        if verdicts is None:
            return False
        first, *others = zip((pending.post_id for pending in asked), verdicts, strict=False)
        noted = [first, *(other for other in others if other[1] is not Verdict.PENDING)]
        self._memory.update({post_id: {"verdict": verdict} for post_id, verdict in noted})
        return True

    async def _poll(
        self,
        question: PostsToModerate,
    ) -> list[Verdict] | None:
        """Return the verdicts, `PENDING` if the first post got none in time, None if this run must end."""
        time_left = (self._queue[0].review_at or workflow.now()) - workflow.now()
        if time_left <= timedelta(0):
            return [Verdict.PENDING]
        poll = workflow.start_activity_method(
            UserFeedActivities.await_verdicts,
            question,
            start_to_close_timeout=timedelta(seconds=10),
            schedule_to_close_timeout=time_left,
            retry_policy=RetryPolicy(initial_interval=self._plan.poll_interval, backoff_coefficient=1.0),
            summary=f"moderation of {len(question.posts)} posts",
        )
        await workflow.wait_condition(lambda: poll.done() or self._must_continue_as_new())
        if not poll.done():
            poll.cancel()
            return None
        try:
            return await poll
        except ActivityError:
            return [Verdict.PENDING]

    def _ref(self, pending: PendingPost) -> PostRef:
        return PostRef(user=self._user, post_id=pending.post_id, origin=pending.origin)

    def _finish(self, status: PostStatus) -> None:
        """The first post's turn is over."""
        pending = self._queue.pop(0)
        outcome = PostOutcome(post_id=pending.post_id, status=status)
        self._memory.inbox.done(pending.message_id, outcome, workflow.now())
        self._memory.count(outcome)

    def _must_continue_as_new(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    async def _continue_as_new(self) -> None:
        while any(pending.draft for pending in self._queue) or not workflow.all_handlers_finished():
            await self._store_new_posts()
            await workflow.wait_condition(workflow.all_handlers_finished)
        self._memory.inbox.forget_beyond()
        workflow.continue_as_new(FeedStart(user=self._user, plan=self._plan, memory=self._memory))

    def _is_full(self) -> bool:
        return len(self._queue) > POSTS_WAITING

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
        status = PostStatus.PUBLISHED if review.approved else PostStatus.REJECTED
        decision = Decision(user=self._user, post_id=review.post_id, status=status)
        await self._write([decision], f"review of post {review.post_id}")
        outcome = PostOutcome(post_id=review.post_id, status=status)
        self._memory.count(outcome)
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
