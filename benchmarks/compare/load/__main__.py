"""`python -m benchmarks.compare.load`: reads jobs from standard input, writes a report of each, both as JSON lines.

It reports its own CPU time, so that the comparison shows that it was not the bottleneck.
"""

import asyncio
import sys
import time
from typing import assert_never

import uvloop

from benchmarks.compare.load.closed_loop import closed_loop, keys_from
from benchmarks.compare.load.http_calls import do_delayed_tasks, do_http_calls
from benchmarks.compare.load.jobs import JOB, DelayedTasks, HttpCalls, Job, Records, Report, TemporalCalls
from benchmarks.compare.load.temporal_calls import temporal_call
from benchmarks.harness.bodies import location, post
from benchmarks.harness.topics import keys_in_turn, write_records

_MAX_LINE_BYTES = 2**24
_LINGER_MS = 5


async def serve() -> None:
    """Do one job after the other until standard input ends."""
    lines = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        cpu_seconds = time.process_time()
        report = await do(JOB.validate_json(line))
        report.cpu_seconds = time.process_time() - cpu_seconds
        sys.stdout.write(report.model_dump_json() + "\n")
        sys.stdout.flush()


async def do(job: Job) -> Report:
    match job:
        case HttpCalls():
            return await do_http_calls(job)
        case DelayedTasks():
            return await do_delayed_tasks(job)
        case TemporalCalls():
            call = await temporal_call(job)
            return await closed_loop(call, keys_from(job.prefix, job.keys), job.concurrency, job.seconds)
        case Records():
            return await _write(job)
        case _:
            assert_never(job)


async def _write(job: Records) -> Report:
    value = location if job.kind == "location" else post
    numbers = range(job.first, job.first + job.records)
    records = keys_in_turn(job.prefix, job.keys, numbers, value, job.partitions)
    began = time.perf_counter()
    await write_records(job.bootstrap, job.topic, records, _LINGER_MS)
    return Report(units=job.records, seconds=time.perf_counter() - began)


if __name__ == "__main__":
    uvloop.run(serve())
