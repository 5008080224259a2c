"""A process that consumes topics: `python -m tests.workers.kafka.memory_probe ADDRESS RECORDS TOPIC...`.

It runs a consumer for each topic until their sinks have all records, and prints by how many MiB it has grown.
A process of its own, since the test's has written the records.
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from domain.inbox import Batch
from tests.brokers.fixtures import subscription
from tests.workers.kafka.consuming import consuming
from workers.kafka.decisions.memory import Memory


class SlowSink:
    """Takes a batch in 5 ms, slower than records can be read."""

    def __init__(self) -> None:
        self.count = 0

    async def deliver(self, key: str, batch: Batch[Any]) -> None:
        await asyncio.sleep(0.005)
        self.count += len(batch.messages)


async def main(address: str, records: int, topics: list[str]) -> None:
    sink, memory = SlowSink(), Memory()
    before = peak_mib()
    async with AsyncExitStack() as stack:
        running = []
        for name in topics:
            share = stack.enter_context(memory.share())
            running.append(await stack.enter_async_context(consuming(address, subscription(name), sink, share=share)))
        while sink.count < records and not any(each.task.done() for each in running):
            await asyncio.sleep(0.05)
        sys.stdout.write(f"{peak_mib() - before:.0f}")
        assert sink.count == records, (sink.count, records)


def peak_mib() -> float:
    """Linux keeps the most that a process has had; `ru_maxrss` also counts what its parent had."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
