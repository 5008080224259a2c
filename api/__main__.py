"""`python -m api`: run the HTTP gateway."""

import argparse
import asyncio
import logging
import signal
import sys
from socket import socket

import uvloop
from temporalio.runtime import Runtime

from api.app import create_app, open_gateway
from api.http.connections import allow_open_files
from api.http.meter import BufferedMetrics, metric_buffer
from api.security import key_command
from api.security.authentication import Authentication, authentication, check_exposure
from api.server import OnlyWatched, server
from infra import gc_tuning, logs, temporal
from infra.health_server import health_server
from infra.listening import listen
from infra.payload_keys import KeyRing, load_key_ring
from infra.settings import Settings, load_settings
from infra.tracing.process import traced

log = logging.getLogger("api")


def main() -> None:
    if sys.argv[1:2] == ["keys"]:  # needs no setting
        key_command.main(sys.argv[2:])
        return
    settings = load_settings()
    parser = argparse.ArgumentParser(
        prog="python -m api",
        description="Run the HTTP gateway of the six patterns. `python -m api keys --help`: make an API key.",
        epilog="Settings come from the environment: DATABASE_URL, KAFKA_CLUSTERS, WEB_UI_URL and the others of "
        "infra/settings.py; Temporal's from TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and its other variables.",
    )
    parser.add_argument("--host", default=settings.gateway_host, help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=settings.gateway_port, help="port to listen on (default: %(default)s)"
    )
    arguments = parser.parse_args()
    logs.configure(settings.log_format, settings.log_level)
    callers = authentication(settings)
    if warning := check_exposure(callers, arguments.host):
        log.warning(warning)
    buffer = metric_buffer()
    runtime = temporal.runtime(buffer)
    Runtime.set_default(runtime)
    recorded = BufferedMetrics(runtime, buffer)
    ring = load_key_ring(settings)
    listening = listen(arguments.host, arguments.port, "GATEWAY_HOST, GATEWAY_PORT")
    with traced("durable-patterns-gateway"):
        uvloop.run(serve(settings, ring, callers, arguments.host, listening, recorded=recorded))


async def serve(
    settings: Settings,
    ring: KeyRing,
    callers: Authentication,
    host: str,
    listening: list[socket],
    *,
    recorded: BufferedMetrics,
) -> None:
    """Serve on the sockets that listen on `host`, until SIGTERM or Ctrl-C; then drain, see `api.http.draining`."""
    allow_open_files(settings.max_connections)
    async with open_gateway(settings, ring, callers, recorded) as gateway:
        app = create_app(gateway)
        serving = server(app, settings, host, gateway.drain)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, serving.stop)
        gc_tuning.apply()
        async with health_server(OnlyWatched(app), settings):
            await serving.serve(listening)
    log.info("stopped")


if __name__ == "__main__":
    logs.run(main)
