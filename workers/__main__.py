"""`python -m workers [POOL ...]`: run the workers of all pools, or of those named."""

import argparse
import asyncio
import logging
import signal
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import uvloop
from temporalio.client import Client
from temporalio.runtime import Runtime

import workflows
from clients.temporal_setup import TemporalUnusable, check_temporal
from infra import gc_tuning, logs, temporal
from infra.database_errors import DatabaseUnavailable
from infra.health_server import health_application, health_server
from infra.payload_keys import KeyRing, load_key_ring
from infra.settings import Settings, load_settings
from infra.tracing.process import traced
from workers import compiled_modules
from workers.census import count_regularly
from workers.deadline import leave_within
from workers.pools import POOLS, Pool
from workers.readiness import worker_readiness
from workers.resources import Resources

log = logging.getLogger("workers")

CHECK_TIMEOUT = timedelta(seconds=10)
"""For each of the calls at the start that show whether Temporal can be used."""


def main() -> None:
    names = [pool.task_queue for pool in POOLS]
    parser = argparse.ArgumentParser(
        prog="python -m workers",
        description="Run workers. Each pool serves one task queue, so that any pool can be scaled by itself.",
        epilog="Settings come from the environment: DATABASE_URL, KAFKA_CLUSTERS and the others of "
        "infra/settings.py; Temporal's from TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and its other variables.",
    )
    parser.add_argument("pool", nargs="*", metavar="POOL", help=f"one or more of: {', '.join(names)} (default: all)")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.pool) - set(names)):
        parser.error(f"unknown pool {', '.join(unknown)}; there are: {', '.join(names)}")
    settings = load_settings()
    logs.configure(settings.log_format, settings.log_level)
    pools = [pool for pool in POOLS if not arguments.pool or pool.task_queue in arguments.pool]
    try:
        with traced("durable-patterns-workers"):
            uvloop.run(run(settings, load_key_ring(settings), pools))
    except TemporalUnusable as error:
        raise SystemExit(str(error)) from None


async def run(settings: Settings, ring: KeyRing, pools: Sequence[Pool]) -> None:
    """Run `pools` until SIGTERM or Ctrl-C; activities in flight get `settings.graceful_shutdown` to end.

    Raises `TemporalUnusable` if they cannot start. The database may be unavailable: activities are retried until it
    is back.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    address = settings.workers_metrics_address
    runtime = temporal.runtime(temporal.metrics_endpoint(address) if address else None)
    client = await _connect(settings, ring, runtime)
    async with Resources.open(settings, client, runtime.metric_meter) as resources:
        readiness = worker_readiness(client, resources, pools, stop.is_set)
        async with health_server(health_application(readiness), settings):
            await _work(client, resources, pools, stop)
    log.info("stopped")


async def _work(client: Client, resources: Resources, pools: Sequence[Pool], stop: asyncio.Event) -> None:
    with suppress(DatabaseUnavailable):  # the database has logged it
        await resources.database.check()
    compiled_modules.keep(workflows.__name__)
    workers = [pool.worker(client, resources, resources.settings.graceful_shutdown) for pool in pools]
    gc_tuning.apply()
    running = [asyncio.create_task(worker.run()) for worker in workers]
    log.info("workers ready: %s", ", ".join(pool.task_queue for pool in pools))
    counted = pools if resources.settings.workers_metrics_address else ()
    counting = asyncio.create_task(count_regularly(resources, (pool.serves for pool in counted)))
    await asyncio.wait([*running, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    log.info("draining")
    counting.cancel()
    leave_within(resources.settings.graceful_shutdown)
    await asyncio.gather(*(worker.drain() for worker in workers))
    await asyncio.gather(*running)


async def _connect(settings: Settings, ring: KeyRing, runtime: Runtime) -> Client:
    """Raises `TemporalUnusable`."""
    try:
        client = await temporal.connect_worker(settings.max_result_bytes, ring, runtime)
    except (RuntimeError, ValueError) as error:
        raise TemporalUnusable(
            "cannot be reached", f"{temporal.one_line(error)}; start it, or set TEMPORAL_ADDRESS and TEMPORAL_TLS_..."
        ) from None
    await check_temporal(client, CHECK_TIMEOUT)
    return client


if __name__ == "__main__":
    logs.run(main)
