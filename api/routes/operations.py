"""For operators: liveness, readiness and metrics."""

import asyncio
from datetime import timedelta

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from api.gateway import Gateway
from api.http.problems import RETRY

CHECK_TIMEOUT = timedelta(seconds=2)


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(tags=["Operations"])

    @routes.get("/health")
    async def health() -> dict[str, str]:
        """Answers if the process runs."""
        return {"status": "ok"}

    @routes.get("/ready", responses={503: {"description": "Temporal or the database cannot be reached."}})
    async def ready() -> JSONResponse:
        """Answers 200 if Temporal and the database answer too."""
        temporal, database = await asyncio.gather(_temporal(gateway), _database(gateway))
        checks = {"temporal": temporal, "database": database}
        if all(checks.values()):
            return JSONResponse({"status": "ready", "checks": checks})
        return JSONResponse({"status": "not ready", "checks": checks}, 503, RETRY)

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Requests and latencies, for Prometheus."""
        return Response(generate_latest(gateway.metrics), media_type=CONTENT_TYPE_LATEST)

    return routes


async def _temporal(gateway: Gateway) -> bool:
    try:
        return await gateway.client.service_client.check_health(timeout=CHECK_TIMEOUT)
    except (RPCError, RuntimeError):
        return False


async def _database(gateway: Gateway) -> bool:
    try:
        await gateway.database.check()
    except (SQLAlchemyError, OSError):
        return False
    return True
