"""The gateway: the routes of every pattern, and those that patterns share."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi_offline import FastAPIOffline
from starlette.routing import Route
from temporalio.common import MetricMeter

from api.gateway import Gateway
from api.http import failures, problems
from api.http.access_log import AccessLog
from api.http.answers import ObservedAnswers
from api.http.head import HeadAsGet
from api.http.meter import BufferedMetrics
from api.http.metrics import RequestMetrics, process_metrics
from api.http.openapi import describe_bodies
from api.http.request_ids import RequestIds
from api.http.targets import RequestTargets
from api.http.waiting import ClientDisconnected
from api.routes import (
    booking,
    codec,
    console,
    dead_letters,
    diagnosis,
    erasures,
    fan_out,
    invocations,
    listings,
    message_queue,
    operations,
    package_tracker,
    payment_tracker,
    subscriptions,
    user_feed,
    webhooks,
)
from api.security.access import check_declared
from api.security.authentication import Authentication
from api.security.limits import Admission, Limits
from api.security.web_ui import WebUiOrigin
from clients.entities import EntityClient
from domain.booking import BOOKING
from domain.fan_out import FAN_OUT
from domain.message_queue import MESSAGE_QUEUE
from domain.package_tracker import PACKAGE_TRACKER
from domain.payment_tracker import PAYMENT_TRACKER
from domain.user_feed import USER_FEED
from domain.version import VERSION
from infra import temporal
from infra.card_network import CardVault, load_card_token_key
from infra.database import Database
from infra.payload_encryption import EncryptionCodec
from infra.payload_keys import KeyRing
from infra.settings import Settings
from infra.tracing import spans

ROUTES = {
    MESSAGE_QUEUE: message_queue.routes,
    BOOKING: booking.routes,
    PAYMENT_TRACKER: payment_tracker.routes,
    FAN_OUT: fan_out.routes,
    USER_FEED: user_feed.routes,
    PACKAGE_TRACKER: package_tracker.routes,
}
"""One row per pattern."""


@asynccontextmanager
async def open_gateway(
    settings: Settings, ring: KeyRing, callers: Authentication, recorded: BufferedMetrics | None = None
) -> AsyncIterator[Gateway]:
    """Open what the gateway needs. Temporal need not be reachable yet. Without `recorded` its metrics lack those of the
    SDK and of the database."""
    meter = recorded.meter if recorded else MetricMeter.noop
    database = Database(settings.database_url, settings.database_limits, meter)
    metrics = process_metrics()
    draining = None
    if recorded:
        metrics.register(recorded)
        draining = asyncio.create_task(recorded.drain_regularly())
    try:
        client = await temporal.connect_gateway(settings.max_payload_bytes, ring)
        yield Gateway(
            settings=settings,
            client=client,
            codec=EncryptionCodec(ring),
            database=database,
            vault=CardVault(database, load_card_token_key(settings)),
            entities=EntityClient(client, settings.plans),
            metrics=metrics,
            authentication=callers,
        )
    finally:
        if draining:
            draining.cancel()
        await database.close()


def create_app(gateway: Gateway) -> FastAPI:
    """Compose the application, without connecting to anything."""
    return compose(gateway, all_routers(gateway))


def all_routers(gateway: Gateway) -> list[APIRouter]:
    patterns = {pattern: routes(gateway) for pattern, routes in ROUTES.items()}
    return [
        *(added.router for added in patterns.values()),
        listings.router(gateway),  # before the paths with an ID
        invocations.router(gateway, patterns),
        *(
            each.router(gateway)
            for each in (subscriptions, dead_letters, erasures, webhooks, codec, diagnosis, operations, console)
        ),
    ]


def compose(gateway: Gateway, routers: Sequence[APIRouter]) -> FastAPI:
    """An application of these routers, with all that a request passes on its way to them.

    FastAPI takes a tenth of a second for all of them, so a test of one router composes only that.
    """
    app = FastAPIOffline(
        title="Durable patterns",
        version=VERSION,
        description="Six durable application patterns on Temporal. HEAD is as GET, without the body.",
        redirect_slashes=False,
        responses=problems.responses(422),
        telemetry=spans.fastapi(),
    )
    app.state.settings = gateway.settings
    app.state.authentication = gateway.authentication
    app.state.drain = gateway.drain
    app.state.admission = Admission(Limits.of(gateway.settings, is_open=gateway.authentication.is_open))
    app.add_middleware(HeadAsGet)
    app.add_middleware(WebUiOrigin, web_ui_url=gateway.settings.web_ui_url)
    app.add_middleware(RequestTargets)
    app.add_middleware(ObservedAnswers, observers=[RequestMetrics(gateway.metrics), AccessLog()])
    app.add_middleware(RequestIds)  # the last one added sees a request first
    problems.install(app)
    failures.install(app)
    for router in routers:
        check_declared(router.routes)
        app.include_router(router)
    app.state.operations = [route for each in routers for route in each.routes if isinstance(route, Route)]
    describe_bodies(app, routers)

    @app.exception_handler(ClientDisconnected)
    async def on_disconnect(_: Request, __: ClientDisconnected) -> Response:
        return Response(status_code=499)

    return app
