"""Record the histories that `test_replay.py` replays: `python -m tests.replay.record`, for each change of a scenario.

From the tag 0.1.0 on, a recorded history represents executions that began with the code of its time and are still open.
It is not replaced: a scenario is played only if it has no file yet. Remove a file only when no such execution can be
open any more.
"""

import asyncio
import gzip
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from tests.dev_server import CONTINUE_AS_NEW, dev_server
from tests.replay import continued, scenarios, streams

HISTORIES = Path(__file__).parent / "histories"
Scenario = Callable[[WorkflowEnvironment], Awaitable[Sequence[WorkflowHandle[Any, Any]]]]


async def main() -> None:
    """Play each scenario that has no file yet on a real server, and write its histories."""
    async with dev_server({}) as environment:
        await record(environment, *scenarios.ALL, *streams.ALL)
    async with dev_server({CONTINUE_AS_NEW: continued.EVENTS_PER_RUN}) as environment:
        await record(environment, *continued.ALL)


async def record(environment: WorkflowEnvironment, *all_scenarios: Scenario) -> None:
    for scenario in all_scenarios:
        if list(HISTORIES.glob(f"{scenario.__name__}.*")):
            continue
        runs = await scenario(environment)
        for number, run in enumerate(runs, 1):
            suffix = f".run-{number}" if len(runs) > 1 else ""
            document = _without_traces_of_this_machine(json.loads((await run.fetch_history()).to_json()))
            text = json.dumps(document, separators=(",", ":"))
            # Without the time of day, so that equal histories are equal files.
            (HISTORIES / f"{scenario.__name__}{suffix}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        with suppress(RPCError):
            await runs[-1].terminate()  # the next scenario may have the same key


def _without_traces_of_this_machine(part: Any) -> Any:
    """A history's JSON without stack traces and names of processes, which replaying does not need."""
    if isinstance(part, dict):
        return {
            name: _without_traces_of_this_machine(value)
            for name, value in part.items()
            if name not in ("stackTrace", "identity")
        }
    if isinstance(part, list):
        return [_without_traces_of_this_machine(each) for each in part]
    return "worker" if isinstance(part, str) and "@" in part else part


if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)  # the SDK's threads can crash while the interpreter ends
