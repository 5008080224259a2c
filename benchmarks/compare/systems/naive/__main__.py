"""`python -m benchmarks.compare.systems.naive`: our workers without tuning, with a naive saga and fan-out."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.compare.systems.naive.workflows import BookingWorkflow, FanOutWorker
from domain.booking import BOOKING
from domain.fan_out import FAN_OUT
from infra import logs
from infra.payload_keys import load_key_ring
from infra.settings import load_settings
from workers.__main__ import run
from workers.activity_methods import activity_methods
from workers.pool_worker import PoolWorker
from workers.pools import POOLS, Pool
from workers.resources import Resources

_WORKFLOWS: dict[str, type] = {BOOKING.task_queue: BookingWorkflow, FAN_OUT.task_queue: FanOutWorker}


@dataclass(frozen=True)
class NaivePool(Pool):
    """A worker with the SDK's defaults."""

    def worker(self, client: Client, resources: Resources, graceful_shutdown: timedelta) -> PoolWorker:
        worker = Worker(
            client,
            task_queue=self.task_queue,
            workflows=[self.workflow] if self.workflow else [],
            activities=activity_methods(self.activities(resources)) if self.activities else [],
            graceful_shutdown_timeout=graceful_shutdown,
        )
        return PoolWorker(worker, graceful_shutdown)


def main() -> None:
    settings = load_settings()
    logs.configure(settings.log_format, settings.log_level)
    pools = [NaivePool(pool.serves, _WORKFLOWS.get(pool.task_queue, pool.workflow), pool.activities) for pool in POOLS]
    asyncio.run(run(settings, load_key_ring(settings), pools))


if __name__ == "__main__":
    main()
