"""What uvicorn serves: `uvicorn --factory benchmarks.compare.systems.dbos.application:application`."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dbos import DBOS
from fastapi import FastAPI

from benchmarks.compare.systems.dbos.consumer import consume
from benchmarks.compare.systems.dbos.places import BOOTSTRAP, STORE
from benchmarks.compare.systems.dbos.queues import register_queues
from benchmarks.compare.systems.dbos.services.booking import booking_workflow
from benchmarks.compare.systems.dbos.services.fan_out import fan_out_worker
from benchmarks.compare.systems.dbos.services.message_queue import async_task_worker
from benchmarks.compare.systems.dbos.services.package_tracker import package_tracker
from benchmarks.compare.systems.dbos.services.payment_tracker import payment_tracker
from benchmarks.compare.systems.dbos.services.user_feed import user_feed
from benchmarks.compare.systems.dbos.stores import config, open_tables
from benchmarks.compare.systems.simulated_systems import SimulatedSystems
from benchmarks.harness.topics import topic_of
from infra.settings import load_settings


def application() -> FastAPI:
    """Made once in each of uvicorn's processes."""
    return FastAPI(lifespan=_running)


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    """All workflows are known before DBOS is launched, which recovers those that were interrupted."""
    systems = SimulatedSystems.open(load_settings())
    url, bootstrap = os.environ[STORE], os.environ[BOOTSTRAP]
    DBOS(config=config(url))
    tables = await open_tables(url)
    for service in (booking_workflow, async_task_worker, payment_tracker, fan_out_worker):
        app.include_router(service(systems))
    packages, locate = package_tracker(tables)
    app.include_router(packages)
    handlers = {"updateLocation": locate, "processPost": user_feed(systems)}
    DBOS.launch()
    await register_queues()
    consumers = [asyncio.create_task(consume(bootstrap, topic_of(name), handle)) for name, handle in handlers.items()]
    yield
    for consumer in consumers:
        consumer.cancel()
    await asyncio.gather(*consumers, return_exceptions=True)
    DBOS.destroy()
