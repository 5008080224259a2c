"""`python -m api`: run the HTTP gateway."""

import argparse
import asyncio
import logging
import signal
import sys

import uvicorn
import uvloop
from fastapi import FastAPI
from temporalio.runtime import Runtime

from api.app import create_app, open_gateway
from api.http.connections import BoundedConnection, allow_open_files
from api.security import key_command
from api.security.authentication import Authentication, authentication, check_exposure
from infra import gc_tuning, logs, temporal
from infra.payload_keys import KeyRing, load_key_ring
from infra.settings import Settings, load_settings

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
    Runtime.set_default(temporal.runtime())
    uvloop.run(serve(settings, load_key_ring(settings), callers, arguments.host, arguments.port))


async def serve(settings: Settings, ring: KeyRing, callers: Authentication, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C; requests in flight get `settings.graceful_shutdown` to end."""
    allow_open_files(settings.max_connections)
    async with open_gateway(settings, ring, callers) as gateway:
        for number in (signal.SIGTERM, signal.SIGINT):
            # uvicorn raises the signal again once it has shut down; that must not end the process here.
            asyncio.get_running_loop().add_signal_handler(number, _already_shut_down)
        serving = server(create_app(gateway), settings, host, port)
        gc_tuning.apply()
        await serving.serve()


def server(app: FastAPI, settings: Settings, host: str, port: int) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=BoundedConnection,
        ws="none",
        limit_concurrency=settings.max_connections,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.graceful_shutdown.total_seconds()),
    )
    return uvicorn.Server(config)


def _already_shut_down() -> None:
    pass


if __name__ == "__main__":
    logs.run(main)
