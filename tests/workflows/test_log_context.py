"""A line that a library writes while a workflow's code runs names the workflow, as the workflow's own lines do."""

import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from infra.log_lines import JsonFormatter

library = logging.getLogger("py.warnings")


@workflow.defn
class Deprecated:
    @workflow.run
    async def run(self) -> str:
        library.warning("old way")
        return workflow.info().run_id


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.read = list[dict[str, Any]]()

    def emit(self, record: logging.LogRecord) -> None:
        self.read.append(json.loads(JsonFormatter().format(record)))


@pytest.fixture
def lines() -> Iterator[Lines]:
    lines = Lines()
    library.addHandler(lines)
    yield lines
    library.removeHandler(lines)


async def test_a_warning_in_a_workflow_names_its_run(time_skipping: WorkflowEnvironment, lines: Lines) -> None:
    queue, id = f"queue-{uuid4()}", f"warning-{uuid4()}"
    async with Worker(
        time_skipping.client, task_queue=queue, workflows=[Deprecated], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        run_id = await time_skipping.client.execute_workflow(Deprecated.run, id=id, task_queue=queue)
    [line] = [line for line in lines.read if line["message"] == "old way"]
    assert (line["workflow_id"], line["run_id"], line["workflow_type"], line["attempt"]) == (
        id,
        run_id,
        "Deprecated",
        1,
    )


def test_a_line_outside_of_a_workflow_names_none(lines: Lines) -> None:
    library.warning("old way")
    assert "workflow_id" not in lines.read[0]
