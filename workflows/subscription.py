"""Kafka ingress: a subscription runs consumers, and survives the workers that they run on.

RUNNING ◄── resume ── PAUSED | FAILED          consumers: heartbeating activities, each with its share
   ├── pause ──► PAUSED                        a worker dies ─► Temporal starts them on another
   ├── an error that only an operator can fix ──► FAILED
   └── delete ──► drained, completed
"""

import asyncio
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.workflow import ActivityCancellationType, ActivityHandle

with workflow.unsafe.imports_passed_through():
    from activities.subscription import SubscriptionActivities
    from domain.checkpoint import Checkpoint, advanced
    from domain.subscription import (
        SUBSCRIPTION,
        ConsumerReport,
        ConsumerTask,
        OffsetsToKeep,
        Stall,
        SubscriptionInput,
        SubscriptionState,
        SubscriptionStatus,
    )
    from workflows.consumer_ends import checkpoint_of
    from workflows.policies import CONSUME, KEEP_OFFSETS, KEEP_OFFSETS_INTERVAL
    from workflows.stalls import Stalls, details
    from workflows.status import StatusDisplay
    from workflows.steps import error_of


@workflow.defn(name=SUBSCRIPTION.service)
class SubscriptionWorkflow:
    """One subscription until it is deleted. Updates answer before the consumers have drained."""

    @workflow.init
    def __init__(self, start: SubscriptionInput) -> None:
        self._subscription = start.subscription
        self._status = start.status
        self._failure = start.failure
        self._stalls = Stalls(start.stalls)
        self._checkpoint = start.checkpoint
        self._display = StatusDisplay()

    @workflow.run
    async def run(self, start: SubscriptionInput) -> SubscriptionState:
        while self._status is not SubscriptionStatus.DELETED:
            self._show()
            if self._status is SubscriptionStatus.RUNNING:
                await self._consume()
            else:
                await self._wait()
            if self._must_continue_as_new():
                await self._continue_as_new()
        self._show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.state()

    async def _consume(self) -> None:
        """Run the consumers until one ends or all have to stop; return when all have drained."""
        self._stalls.forget_attempts()
        consumers = [self._start_consumer(member) for member in range(self._subscription.options.consumers)]
        await workflow.wait_condition(
            lambda: (
                self._status is not SubscriptionStatus.RUNNING
                or self._must_continue_as_new()
                or any(consumer.done() for consumer in consumers)
            )
        )
        for consumer in consumers:
            consumer.cancel()
        for member, outcome in enumerate(await asyncio.gather(*consumers, return_exceptions=True)):
            self._note(member, outcome)

    async def _wait(self) -> None:
        """Wait until the subscription runs again or is deleted. Kafka forgets offsets that nothing commits."""
        try:
            await workflow.wait_condition(
                lambda: self._runs_or_is_deleted() or self._must_continue_as_new(),
                timeout=KEEP_OFFSETS_INTERVAL if self._checkpoint else None,
            )
        except TimeoutError:
            keep = OffsetsToKeep(subscription=self._subscription, checkpoint=self._checkpoint)
            with suppress(ActivityError):  # Kafka may be unavailable: the checkpoint stays
                self._checkpoint = await workflow.execute_activity_method(
                    SubscriptionActivities.keep_offsets, keep, **KEEP_OFFSETS
                )

    def _start_consumer(self, member: int) -> ActivityHandle[Checkpoint | None]:
        consumers = self._subscription.options.consumers
        return workflow.start_activity_method(
            SubscriptionActivities.consume,
            ConsumerTask(
                subscription=self._subscription,
                member=member,
                stall=self._stalls.of(member),
                checkpoint=self._checkpoint.of(member, consumers) if self._checkpoint else None,
            ),
            **CONSUME,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"consumer {member + 1} of {consumers}",
        )

    def _note(self, member: int, outcome: Checkpoint | BaseException | None) -> None:
        if latest := checkpoint_of(outcome):
            self._checkpoint = advanced(self._checkpoint, latest)
        elif self._checkpoint:
            self._checkpoint = self._checkpoint.without_news_of(member, self._subscription.options.consumers)
        if isinstance(outcome, BaseException) and (error := error_of(outcome)) and error.non_retryable:
            self._failure = Stall(reason=error.message, since=workflow.now())
            if self._status is SubscriptionStatus.RUNNING:
                self._status = SubscriptionStatus.FAILED

    def _runs_or_is_deleted(self) -> bool:
        return self._status in (SubscriptionStatus.RUNNING, SubscriptionStatus.DELETED)

    def _must_continue_as_new(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    async def _continue_as_new(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._status is not SubscriptionStatus.DELETED:
            workflow.continue_as_new(
                SubscriptionInput(
                    subscription=self._subscription,
                    status=self._status,
                    stalls=self._stalls.all(),
                    failure=self._failure,
                    checkpoint=self._checkpoint,
                )
            )

    def _show(self) -> None:
        self._display.show(self._status, details(self._subscription, self._stall))

    @property
    def _stall(self) -> Stall | None:
        """Why it failed, or the oldest stall of a consumer that runs."""
        return self._failure or (self._stalls.oldest() if self._status is SubscriptionStatus.RUNNING else None)

    @workflow.signal
    def subscribed(self) -> None:
        """Subscribing again resumes a subscription that failed. A paused one stays paused."""
        if self._status is SubscriptionStatus.FAILED:
            self._resume()

    @workflow.signal
    def consumer_reported(self, report: ConsumerReport) -> None:
        """A consumer has stalled, or moves again."""
        self._stalls.note(report)
        self._display.show_details(details(self._subscription, self._stall))

    @workflow.update
    def pause(self) -> SubscriptionState:
        """Stop the consumers. A subscription that failed stays failed."""
        if self._status is SubscriptionStatus.RUNNING:
            self._status = SubscriptionStatus.PAUSED
        return self.state()

    @workflow.update
    def resume(self) -> SubscriptionState:
        """Consume again, after a pause or a failure."""
        if self._status is not SubscriptionStatus.RUNNING:
            self._resume()
        return self.state()

    @pause.validator
    def _can_pause(self) -> None:
        self._refuse_if_deleted()

    @resume.validator
    def _can_resume(self) -> None:
        self._refuse_if_deleted()

    def _resume(self) -> None:
        self._status = SubscriptionStatus.RUNNING
        self._failure = None
        self._stalls.clear()

    def _refuse_if_deleted(self) -> None:
        if self._status is SubscriptionStatus.DELETED:
            raise ApplicationError(f"Subscription {self._subscription.id!r} is deleted.", type="SubscriptionDeleted")

    @workflow.update
    def delete(self) -> SubscriptionState:
        """Drain the consumers, then complete."""
        self._status = SubscriptionStatus.DELETED
        return self.state()

    @workflow.query
    def state(self) -> SubscriptionState:
        return SubscriptionState(status=self._status, subscription=self._subscription, stall=self._stall)
