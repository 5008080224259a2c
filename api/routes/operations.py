"""For operators: liveness, readiness and metrics."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.gateway import Gateway
from api.security.access import OPEN, needs
from clients.temporal_setup import check_temporal
from domain.access import Role
from infra.health_server import ALIVE, readiness_response
from infra.readiness import Readiness


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(tags=["Operations"])
    readiness = Readiness(
        {
            "temporal": lambda patience: check_temporal(gateway.client, patience),
            "database": lambda _: gateway.database.check(),
        },
        is_draining=lambda: gateway.drain.begun,
    )

    @routes.get("/health", dependencies=OPEN)
    async def health() -> dict[str, str]:
        """Answers if the process runs."""
        return ALIVE

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
        return await readiness_response(readiness)

    @routes.get("/metrics", dependencies=needs(Role.METRICS), response_class=Response)
    async def metrics() -> Response:
        """Requests and latencies, for Prometheus."""
        return Response(generate_latest(gateway.metrics), media_type=CONTENT_TYPE_LATEST)

    return routes
