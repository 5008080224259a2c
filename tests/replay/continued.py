"""Executions that continued as new: the first run, and those after it."""

from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from domain.invoice import ReminderPlan
from domain.package_tracker import PackageRegistration
from domain.steps import StepMode
from domain.user_feed import Verdict
from tests.eventually import eventually
from tests.replay.scenarios import Handles, Scenario, local, quiet
from tests.replay.streams import (
    failure,
    feeding,
    joining,
    locations,
    paused_and_resumed,
    post,
    subscribing,
    tracking,
)
from tests.workflows.entity_key import EntityKey
from workflows.subscription import SubscriptionWorkflow

EVENTS_PER_RUN = 60
"""The number of events after which the server suggests to continue as new."""


async def tracked_continued(environment: WorkflowEnvironment, steps: StepMode = StepMode.ACTIVITY) -> Handles:
    async with tracking(environment, ReminderPlan(min_interval=timedelta(0)), steps) as (key, mail):
        for number in range(100):
            [last] = await key.send("onPaymentFailure", failure(number % 40))
        await key.answered(last)
        assert mail.numbers() == [1, 2, 3]
        return await first_runs(await quiet(key))


async def fed_continued(environment: WorkflowEnvironment, steps: StepMode = StepMode.ACTIVITY) -> Handles:
    """The first run ends while a post waits for moderation and others wait for it."""
    async with feeding(environment, steps) as (key, stored, moderation):
        moderation.verdicts["post 0"] = Verdict.PENDING
        await key.deliver("processPost", {0: post(0)})
        await _posts_until_it_continues(key, 1)
        moderation.verdicts.clear()
        await eventually(lambda: len(stored.finished()) == EVENTS_PER_RUN)
        return await first_runs(await quiet(key))


async def fed_out_of_order_continued(environment: WorkflowEnvironment) -> Handles:
    """The first run ends while a post waits for moderation and the one after it has its verdict."""
    async with feeding(environment) as (key, stored, moderation):
        moderation.verdicts["post 1"] = Verdict.PENDING
        await key.deliver("processPost", {number: post(number) for number in range(3)})
        await eventually(stored.finished)
        await _posts_until_it_continues(key, 3)
        moderation.verdicts.clear()
        await eventually(lambda: len(stored.finished()) == EVENTS_PER_RUN)
        return await first_runs(await quiet(key))


async def _posts_until_it_continues(key: EntityKey, first: int) -> None:
    run = await key.run_id()
    for number in range(first, EVENTS_PER_RUN):
        await key.deliver("processPost", {number: post(number)})

    async def continued() -> bool:
        return await key.run_id() != run

    await eventually(continued)


async def joined_continued(environment: WorkflowEnvironment) -> Handles:
    async with joining(environment) as key:
        await key.send("registerPackage", PackageRegistration(final_destination="Bridge 6, Amsterdam"))
        for first in range(0, 2_000, 20):
            await key.deliver("updateLocation", locations(first, 20))
        return await first_runs(await quiet(key))


async def subscribed_continued(environment: WorkflowEnvironment) -> Handles:
    async with subscribing(environment) as (handle, ingress):
        for _ in range(5):
            await paused_and_resumed(handle, ingress)
        runs = await first_runs(handle)
        await handle.execute_update(SubscriptionWorkflow.delete)
        await handle.result()
        return runs


async def first_runs(latest: WorkflowHandle[Any, Any]) -> Handles:
    """The first run and its successors, at most three runs, each of which has begun."""
    started = (await latest.fetch_history()).events[0].workflow_execution_started_event_attributes
    client, run_id = latest._client, started.first_execution_run_id
    runs: Handles = []
    while run_id and len(runs) < 3:
        runs.append(client.get_workflow_handle(latest.id, run_id=run_id))
        end = (await runs[-1].fetch_history()).events[-1].workflow_execution_continued_as_new_event_attributes
        run_id = end.new_execution_run_id
    assert len(runs) > 1, "it has not continued as new"
    return runs


ALL: tuple[Scenario, ...] = (
    *(tracked_continued, fed_continued, fed_out_of_order_continued, joined_continued, subscribed_continued),
    *map(local, (tracked_continued, fed_continued)),
)
