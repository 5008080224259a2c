"""Limits of one call: how late, how large, how many subtasks."""

import json
from collections.abc import Sequence

from temporalio.client import Client

from benchmarks.harness.histories import history_sizes
from benchmarks.harness.stack import BenchmarkStack
from benchmarks.limits.trial import Outcome, Trial, refused, works

TASKS = "/AsyncTaskWorker/runTask/send"
MAX_BODY_BYTES = 1024 * 1024
ACCEPTED, BAD_REQUEST, TOO_LARGE = 202, 400, 413


def delay_trials(bench: BenchmarkStack) -> Sequence[Trial]:
    """The longest delay, and a longer one."""

    async def delay(value: str, status: int) -> Outcome:
        body = {"kind": "heavy_work", "payload": {}}
        answer = await bench.http.post(TASKS, params={"delay": value}, json=body)
        if answer.status_code != status or answer.is_error:
            return refused(answer, status)
        invocation = (await bench.http.get(f"/invocations/{answer.json()['invocationId']}")).json()
        return works(True, "", detail=f": due {invocation['executionTime'][:10]}")

    return [
        Trial("task delayed for a year", "365 days", lambda: delay("365d", ACCEPTED)),
        Trial("task delayed for longer", "367 days", lambda: delay("367d", BAD_REQUEST)),
    ]


def body_trials(bench: BenchmarkStack) -> Sequence[Trial]:
    """The largest body, and one with a byte more."""

    async def body(size: int, status: int) -> Outcome:
        empty = json.dumps({"kind": "heavy_work", "payload": ""})
        content = json.dumps({"kind": "heavy_work", "payload": "x" * (size - len(empty))})
        answer = await bench.http.post(TASKS, content=content, headers={"Content-Type": "application/json"})
        if answer.status_code != status or answer.is_error:
            return refused(answer, status)
        result = await bench.http.get(f"/invocations/{answer.json()['invocationId']}/attach")
        return works(result.is_success and len(result.content) > size - 100, result.text[:200])

    return [
        Trial("body of 1 MiB", f"{MAX_BODY_BYTES:,} B", lambda: body(MAX_BODY_BYTES, ACCEPTED)),
        Trial("body of 1 MiB and a byte", f"{MAX_BODY_BYTES + 1:,} B", lambda: body(MAX_BODY_BYTES + 1, TOO_LARGE)),
    ]


def fan_out_trial(bench: BenchmarkStack, client: Client, subtasks: int) -> Trial:
    """One job. Every subtask must be in the result, in order, and a tenth of them failed."""

    async def fan_out() -> Outcome:
        names = [f"{'fail' if number % 10 == 0 else 'step'} {number}" for number in range(subtasks)]
        answer = await bench.http.post("/FanOutWorker/run", json={"description": ",".join(names)})
        results = answer.json().get("description", "").split(", ")
        in_order = len(results) == subtasks and all(map(str.startswith, results, names))
        failed = sum(": FAILED" in result for result in results)
        histories = await history_sizes(client, answer.headers["Invocation-Id"])
        return works(in_order and failed == -(-subtasks // 10), answer.text[:200], histories)

    return Trial("fan-out, a tenth fails", f"{subtasks:,} subtasks", fan_out)
