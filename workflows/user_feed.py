"""Transactional event processing: one queue per user, so that a slow user does not delay the others.

    posts_received ─► queue ─► store ─► wait for moderation ─► publish | reject | hand to a person
                                        └── of the next 20     └── in the order received

All waiting posts are stored with one activity; from then on the queue holds only their IDs. One activity asks
moderation about the next posts together, and is retried until the first of them is decided. A verdict takes effect
after those before it. A post whose turn ends without a verdict goes to human review, and the next post's turn begins.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.user_feed import UserFeedActivities
    from domain.inbox import Batch, Receipt
    from domain.metrics import POSTS
    from domain.traces import work_for
    from domain.user_feed import (
        PROCESS_POST,
        USER_FEED,
        Decision,
        Decisions,
        Draft,
        Drafts,
        FeedInput,
        FeedMemory,
        FeedState,
        PendingPost,
        PostOutcome,
        PostStatus,
        PostsToModerate,
        Review,
        SocialMediaPost,
        Verdict,
        post_id,
    )
    from workflows.policies import DATABASE, moderation
    from workflows.status import FULL, StatusDisplay
    from workflows.steps import Steps


@workflow.defn(name=USER_FEED.service)
class UserFeed:
    """One user's posts, each finished before the next one's turn.

    Signal: posts_received. Queries: state, receipt. Update: review_post, by a person.
    """

    @workflow.init
    def __init__(self, start: FeedInput) -> None:
        self._user = start.user
        self._plan = start.plan
        self._steps = Steps(start.steps)
        self._memory = start.memory or FeedMemory()
        self._queue = self._memory.queue
        self._display = StatusDisplay()

    @workflow.run
    async def run(self, start: FeedInput) -> None:
        while True:
            self._show()
            await workflow.wait_condition(lambda: bool(self._queue) or self._must_continue_as_new())
            if self._queue:
                await self._store_new_posts()
                await self._take_turn()
            if self._must_continue_as_new():
                await self._continue_as_new(start)

    async def _store_new_posts(self) -> None:
        new = self._memory.storable()
        if not new:
            return
        drafts = [Draft(id=p.post_id, post=p.draft, origin=p.origin) for p in new if p.draft]
        with work_for(post.trace for post in new):
            await self._steps.run(
                UserFeedActivities.create_posts,
                Drafts(user=self._user, drafts=drafts),
                DATABASE,
                summary=f"store {len(drafts)} posts",
            )
        self._memory.stored(new)

    async def _take_turn(self) -> None:
        """Wait until the first post has a verdict, then finish it and those right after it that have one too."""
        review_at = self._memory.begin_turn(workflow.now() + self._plan.give_up_after)
        if not self._memory.decisions(self._user):
            await self._moderate(review_at - workflow.now())
        if decisions := self._memory.decisions(self._user):
            with work_for(post.trace for post in self._queue[: len(decisions)]):
                await self._carry_out(decisions, f"finish {len(decisions)} posts")
            for decision in decisions:
                self._memory.finish_first(decision.status, workflow.now())
                POSTS.count(workflow.metric_meter(), outcome=decision.status.lower())

    async def _moderate(self, time_left: timedelta) -> None:
        """Store the verdicts on the next posts. Then the first post has one, unless this run must end before."""
        asked = self._memory.undecided()
        verdicts = await self._ask(asked, time_left)
        if verdicts is not None:
            decided = {post.post_id: v for post, v in zip(asked, verdicts, strict=True) if v is not Verdict.PENDING}
            self._memory.decide({asked[0].post_id: Verdict.PENDING, **decided})

    async def _ask(self, posts: list[PendingPost], time_left: timedelta) -> list[Verdict] | None:
        """Return the verdicts, each `PENDING` if the time is over; None if this run must end before."""
        too_late = [Verdict.PENDING] * len(posts)
        if time_left <= timedelta(0):
            return too_late
        with work_for(post.trace for post in posts):
            answer = workflow.start_activity_method(
                UserFeedActivities.await_verdicts,
                PostsToModerate(posts=[post.ref(self._user) for post in posts], poll_interval=self._plan.poll_interval),
                **moderation(self._plan.poll_interval, time_left),
                summary=f"moderation of {len(posts)} posts",
            )
        await workflow.wait_condition(lambda: answer.done() or self._must_continue_as_new())
        if not answer.done():
            answer.cancel()
            return None
        try:
            return await answer
        except ActivityError:
            return too_late

    async def _carry_out(self, decisions: list[Decision], summary: str) -> None:
        await self._steps.run(
            UserFeedActivities.finish_posts, Decisions(decisions=decisions), DATABASE, summary=summary
        )

    def _must_continue_as_new(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    async def _continue_as_new(self, start: FeedInput) -> None:
        while self._memory.has_unstored() or not workflow.all_handlers_finished():
            await self._store_new_posts()
            await workflow.wait_condition(workflow.all_handlers_finished)
        self._memory.inbox.forget_beyond()
        workflow.continue_as_new(start.model_copy(update={"memory": self._memory}))

    def _show(self) -> None:
        m = self._memory
        self._display.show(
            FULL if m.is_full() else "WORKING" if m.queue else "IDLE",
            f"{len(m.queue)} posts queued, {m.published} published, {m.rejected} rejected, "
            f"{len(m.in_review)} in review.",
        )

    @workflow.signal
    def posts_received(self, batch: Batch[SocialMediaPost]) -> None:
        for message in self._memory.inbox.admit(PROCESS_POST, batch, workflow.now()):
            pending = PendingPost(
                message_id=message.id,
                post_id=post_id(self._user, batch.source, message),
                draft=message.body,
                trace=message.trace,
            )
            workflow.logger.info("Post %s is message %s", pending.post_id, message.origin)
            self._queue.append(pending)
        if self._memory.is_full():
            self._show()

    @workflow.update
    async def review_post(self, review: Review) -> PostOutcome:
        """Publish or reject a post in review. A published post is added to the end of the feed."""
        self._memory.in_review.remove(review.post_id)
        status = PostStatus.PUBLISHED if review.approved else PostStatus.REJECTED
        decision = Decision(user=self._user, post_id=review.post_id, status=status)
        await self._carry_out([decision], f"review of post {review.post_id}")
        outcome = PostOutcome(post_id=review.post_id, status=status)
        self._memory.count(outcome)
        POSTS.count(workflow.metric_meter(), outcome=status.lower())
        return outcome

    @review_post.validator
    def _is_in_review(self, review: Review) -> None:
        if review.post_id not in self._memory.in_review:
            raise ApplicationError(f"Post {review.post_id!r} is not in review.", type="NotInReview")

    @workflow.query
    def state(self) -> FeedState:
        return self._memory.state()

    @workflow.query
    def receipts(self, message_ids: list[str]) -> dict[str, Receipt]:
        return self._memory.inbox.receipts_of(message_ids)
