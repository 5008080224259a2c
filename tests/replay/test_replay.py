"""Executions that began with older code continue with this code: their histories replay."""

import gzip
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from domain.pattern import Pattern
from domain.patterns import ENTITIES
from domain.subscription import SUBSCRIPTION
from workers.pools import POOLS

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json.gz"))
WORKFLOWS: dict[str, type] = {
    pool.serves.service: pool.workflow for pool in POOLS if pool.workflow and isinstance(pool.serves, Pattern)
}
LONG_LIVED = {entity.service for entity in ENTITIES.values()} | {SUBSCRIPTION.service}
REMEDY = """
{name} does not replay: executions that are open with the older code would be stuck. Guard the change with
workflow.patched("..."), or give the new code a worker version of its own: docs/upgrades.md. Do not record it again."""


@cache
def read(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.name.removesuffix(".json.gz"), gzip.decompress(file.read_bytes()).decode())


def workflow_type(file: Path) -> str:
    return read(file).events[0].workflow_execution_started_event_attributes.workflow_type.name


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.name)
async def test_a_recorded_history_replays(file: Path) -> None:
    replayer = Replayer(workflows=[WORKFLOWS[workflow_type(file)]], data_converter=pydantic_data_converter)
    result = await replayer.replay_workflow(read(file), raise_on_replay_failure=False)
    assert result.replay_failure is None, f"{result.replay_failure}{REMEDY.format(name=file.name)}"


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.name)
async def test_a_recorded_history_does_not_replay_with_an_extra_step_at_its_beginning(file: Path) -> None:
    """Each replay compares something: a history that replayed with any code would protect no execution."""
    changed = with_an_extra_step(WORKFLOWS[workflow_type(file)])
    replayer = Replayer(workflows=[changed], data_converter=pydantic_data_converter)
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(read(file))


def test_every_workflow_has_recorded_histories() -> None:
    assert {workflow_type(file) for file in HISTORIES} == WORKFLOWS.keys()
    assert len(WORKFLOWS) == sum(pool.workflow is not None for pool in POOLS)


def test_every_entity_has_recorded_how_it_continued_as_new() -> None:
    """The run that ended, and one that began with what it carried."""
    assert {workflow_type(file) for file in HISTORIES if "new" in _continuations(file)} == LONG_LIVED
    assert {workflow_type(file) for file in HISTORIES if "from" in _continuations(file)} == LONG_LIVED


def test_the_histories_are_small() -> None:
    assert sum(file.stat().st_size for file in HISTORIES) < 2_000_000


def _continuations(file: Path) -> Iterator[str]:
    first, *_, last = read(file).events
    if first.workflow_execution_started_event_attributes.continued_execution_run_id:
        yield "from"
    if last.HasField("workflow_execution_continued_as_new_event_attributes"):
        yield "new"


def with_an_extra_step(original: type) -> type:
    """The same workflow with a step before its first one that no workflow has: open executions cannot replay it."""
    run_original: Any = original.run  # type: ignore[attr-defined]

    async def run(self: Any, argument: Any) -> Any:
        workflow.upsert_memo({"extra": "step"})
        return await run_original(self, argument)

    run.__qualname__ = f"Changed{original.__name__}.run"
    [argument_type] = [kind for name, kind in run_original.__annotations__.items() if name != "return"]
    run.__annotations__ = {"argument": argument_type}
    changed = type(f"Changed{original.__name__}", (original,), {"run": workflow.run(run), "__module__": __name__})
    name = workflow._Definition.must_from_class(original).name
    return workflow.defn(name=name, sandboxed=False)(changed)
