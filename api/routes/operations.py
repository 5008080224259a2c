"""For operators: liveness, readiness and metrics."""

import asyncio
import logging
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.gateway import Gateway
from api.http.problems import RETRY
from api.security.access import OPEN, needs
from clients.temporal_setup import TemporalUnusable, check_temporal
from domain.access import Role
from infra.database_errors import DatabaseUnavailable
from infra.retry_log import RetryLog

log = logging.getLogger("api")

CHECK_TIMEOUT = timedelta(seconds=2)
"""For both checks, which run at the same time, and so for the whole answer."""
OK = "ok"


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(tags=["Operations"])
    temporal = Check("temporal")
    database = Check("database")

    @routes.get("/health", dependencies=OPEN)
    async def health() -> dict[str, str]:
        """Answers if the process runs."""
        return {"status": "ok"}

    @routes.get(
        "/ready",
        dependencies=OPEN,
        responses={503: {"description": "Temporal or the database cannot be used, and which; or the gateway drains."}},
    )
    async def ready() -> JSONResponse:
        """Answers 200 if calls can be carried out, within 2 s.

        Temporal answers and has the namespace and its search attributes; the database can be written and is migrated.
        A gateway that is about to stop is "draining".
        """
        if gateway.drain.begun:
            return JSONResponse({"status": "draining"}, 503, RETRY)
        states = await asyncio.gather(
            temporal.state(check_temporal(gateway.client, CHECK_TIMEOUT)), database.state(gateway.database.check())
        )
        checks = dict(zip(("temporal", "database"), states, strict=True))
        if all(state == OK for state in states):
            return JSONResponse({"status": "ready", "checks": checks})
        return JSONResponse({"status": "not ready", "checks": checks}, 503, RETRY)

    @routes.get("/metrics", dependencies=needs(Role.METRICS), response_class=Response)
    async def metrics() -> Response:
        """Requests and latencies, for Prometheus."""
        return Response(generate_latest(gateway.metrics), media_type=CONTENT_TYPE_LATEST)

    return routes


class Check:
    """One part of readiness. Its log has the reason, once per change."""

    def __init__(self, name: str) -> None:
        self._outages = RetryLog(log, f"readiness: the check of the {name}")

    async def state(self, checking: Coroutine[Any, Any, None]) -> str:
        """`OK`, or what is wrong. A check without an answer is left to end by itself."""
        task = asyncio.ensure_future(checking)
        await asyncio.wait({task}, timeout=CHECK_TIMEOUT.total_seconds())
        if not task.done():
            task.cancel()
            task.add_done_callback(_ended)
            return self._failed(
                TimeoutError(f"no answer within {CHECK_TIMEOUT.total_seconds():g} s"), "does not answer"
            )
        try:
            task.result()
        except DatabaseUnavailable as unavailable:
            return unavailable.state  # the database has logged it
        except TemporalUnusable as unusable:
            return self._failed(unusable, unusable.state)
        self._outages.worked()
        return OK

    def _failed(self, error: Exception, state: str) -> str:
        self._outages.failed(error, state)
        return state


def _ended(task: asyncio.Future[None]) -> None:
    """Take the error of a check that nothing waits for."""
    if not task.cancelled():
        task.exception()
