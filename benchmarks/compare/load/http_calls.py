"""Calls over HTTP."""

import asyncio
import json
import time
from itertools import islice

import aiohttp

from benchmarks.compare.load.closed_loop import WrongAnswer, closed_loop, keys_from
from benchmarks.compare.load.jobs import DelayedTasks, Expected, HttpCalls, Report

_DELAYED_TASK_TIMEOUT_SECONDS = 60
_ACCEPTED = Expected(status=202)


async def do_http_calls(job: HttpCalls) -> Report:
    body = json.dumps(job.body).encode() if job.body is not None else None
    headers = {**job.headers, "content-type": "application/json"} if body else job.headers
    with_key = {name: value for name, value in headers.items() if "{key}" in value}
    async with _client(job.base_url, job.concurrency, job.timeout_seconds) as http:

        async def call(key: str) -> str:
            filled = {**headers, **{name: value.replace("{key}", key) for name, value in with_key.items()}}
            async with http.request(job.method, job.path.replace("{key}", key), data=body, headers=filled) as answer:
                return await _text(answer, job.expected)

        keys = keys_from(job.prefix, job.keys)
        if job.seconds is None:
            keys = islice(keys, job.keys)
        return await closed_loop(call, keys, job.concurrency, job.seconds, keep_answers=job.keep_answers)


async def do_delayed_tasks(job: DelayedTasks) -> Report:
    """The latency is the lateness: from the moment the task was due to the moment its outcome was known."""
    report = Report()
    began = time.perf_counter()
    async with _client(job.base_url, job.tasks, _DELAYED_TASK_TIMEOUT_SECONDS) as http:

        async def submit_and_wait(number: int) -> None:
            await asyncio.sleep(number * job.seconds / job.tasks)
            due = time.perf_counter() + job.delay_seconds
            headers = {**job.headers, "idempotency-key": f"{job.prefix}-{number}"}
            async with http.post(f"{job.path}?delay={job.delay_seconds}s", json=job.body, headers=headers) as sent:
                invocation_id = json.loads(await _text(sent, _ACCEPTED))["invocationId"]
            async with http.get(job.attach.replace("{id}", invocation_id), headers=job.headers) as outcome:
                await _text(outcome, job.expected)
            report.units += 1
            report.latencies_ms.append((time.perf_counter() - due) * 1e3)

        await asyncio.gather(*map(submit_and_wait, range(job.tasks)))
    report.seconds = time.perf_counter() - began
    return report


def _client(base_url: str, connections: int, timeout_seconds: float) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        base_url,
        connector=aiohttp.TCPConnector(limit=connections),
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
    )


async def _text(answer: aiohttp.ClientResponse, expected: Expected) -> str:
    """The answer's text. Raises `WrongAnswer` if it is not the one that is expected."""
    text: str = await answer.text()
    if answer.status != expected.status or (expected.text and text.count(expected.text) != expected.times):
        raise WrongAnswer(f"{answer.status} {text}")
    return text
