"""`python -m benchmarks.load`: the load generator, a process of its own. Reads jobs and writes answers, JSON lines.

It is the same for every system, and says how much of a core it used, so that nobody has to believe that
it was not the bottleneck.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count, islice

import aiohttp
import uvloop
from aiokafka import AIOKafkaProducer

from benchmarks.jobs import JOB, Answer, Calls, Check, Delayed, Job, Produce, SdkCalls
from benchmarks.records import location, post
from benchmarks.sdk import sdk_call

Call = Callable[[str], Awaitable[str]]
"""Make one call for a key. Returns the answer; raises `WrongAnswer`."""


class WrongAnswer(Exception):
    """An answer that the row does not expect."""


async def serve() -> None:
    """Do one job after the other until standard input ends."""
    lines = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        answer = await do(JOB.validate_json(line))
        sys.stdout.write(answer.model_dump_json() + "\n")
        sys.stdout.flush()


async def do(job: Job) -> Answer:
    cpu = time.process_time()
    if isinstance(job, Calls):
        answer = await _calls(job)
    elif isinstance(job, Delayed):
        answer = await _delayed(job)
    elif isinstance(job, SdkCalls):
        answer = await _closed_loop(await sdk_call(job), _keys(job.prefix, job.keys), job.concurrency, job.seconds)
    else:
        answer = await _produce(job)
    answer.cpu_seconds = time.process_time() - cpu
    return answer


async def _calls(job: Calls) -> Answer:
    body = json.dumps(job.body).encode() if job.body is not None else None
    headers = {"content-type": "application/json"} if body else {}
    templates = {name: value for name, value in job.headers.items() if "{key}" in value}
    async with _http(job.base_url, job.concurrency, job.timeout_seconds) as http:

        async def call(key: str) -> str:
            filled = {name: value.replace("{key}", key) for name, value in templates.items()}
            path = job.path.replace("{key}", key)
            async with http.request(
                job.method, path, data=body, headers={**job.headers, **headers, **filled}
            ) as answer:
                return _checked(job.check, answer.status, await answer.text())

        keys = _keys(job.prefix, job.keys)
        if job.seconds is None:
            keys = islice(keys, job.keys)
        return await _closed_loop(call, keys, job.concurrency, job.seconds, keep=job.keep_answers)


async def _closed_loop(
    call: Call, keys: Iterator[str], concurrency: int, seconds: float | None, *, keep: bool = False
) -> Answer:
    answer = Answer(units=0, seconds=0, cpu_seconds=0)
    began = time.perf_counter()
    deadline = began + seconds if seconds is not None else float("inf")

    async def caller() -> None:
        for key in keys:
            await timed(key)
            if time.perf_counter() >= deadline:
                return

    async def timed(key: str) -> None:
        at = time.perf_counter()
        try:
            text = await call(key)
        except (WrongAnswer, aiohttp.ClientError, TimeoutError) as error:
            answer.wrong += 1
            answer.first_wrong = answer.first_wrong or f"{key}: {type(error).__name__} {error}"[:500]
            return
        answer.units += 1
        answer.latencies_ms.append((time.perf_counter() - at) * 1e3)
        if keep:
            answer.answers.append(text)

    await asyncio.gather(*(caller() for _ in range(concurrency)))
    answer.seconds = time.perf_counter() - began
    return answer


async def _delayed(job: Delayed) -> Answer:
    """The latency is the lateness: from the moment the task was due to the moment its outcome was known."""
    answer = Answer(units=0, seconds=0, cpu_seconds=0)
    began = time.perf_counter()
    async with _http(job.base_url, job.tasks, 60) as http:

        async def one(number: int) -> None:
            await asyncio.sleep(number * job.seconds / job.tasks)
            due = time.perf_counter() + job.delay_seconds
            headers = {"idempotency-key": f"{job.prefix}-{number}"}
            async with http.post(f"{job.path}?delay={job.delay_seconds}s", json=job.body, headers=headers) as sent:
                accepted = json.loads(_checked(Check(status=202), sent.status, await sent.text()))
            async with http.get(job.attach.replace("{id}", accepted["invocationId"])) as outcome:
                _checked(job.check, outcome.status, await outcome.text())
            answer.units += 1
            answer.latencies_ms.append((time.perf_counter() - due) * 1e3)

        await asyncio.gather(*(one(number) for number in range(job.tasks)))
    answer.seconds = time.perf_counter() - began
    return answer


async def _produce(job: Produce) -> Answer:
    value = location if job.what == "location" else post
    began = time.perf_counter()
    async with AIOKafkaProducer(bootstrap_servers=job.bootstrap, linger_ms=5) as producer:
        for number in range(job.first, job.first + job.records):
            key = number % job.keys
            await producer.send(
                job.topic,
                json.dumps(value(number)).encode(),
                key=f"{job.prefix}-{key}".encode(),
                partition=key % job.partitions,
            )
    return Answer(units=job.records, seconds=time.perf_counter() - began, cpu_seconds=0)


def _keys(prefix: str, keys: int | None) -> Iterator[str]:
    return (f"{prefix}-{number % keys if keys else number}" for number in count())


def _http(base_url: str, connections: int, timeout_seconds: float) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        base_url,
        connector=aiohttp.TCPConnector(limit=connections),
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
    )


def _checked(check: Check, status: int, text: str) -> str:
    if status != check.status or (check.text and text.count(check.text) != check.times):
        raise WrongAnswer(f"{status} {text}")
    return text


if __name__ == "__main__":
    uvloop.run(serve())
