"""Answers for failures of Temporal and the database: 503 if a retry may succeed, otherwise 500 without details."""

import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from temporalio.client import RPCTimeoutOrCancelledError, WorkflowQueryFailedError
from temporalio.service import RPCError

from api.http.problems import RETRY, Problem
from clients.backpressure import KeyBusy
from clients.temporal_errors import (
    has_too_many_signals,
    is_never_connected,
    is_not_found,
    is_not_started,
    is_unavailable,
)
from domain.errors import PayloadTooLarge
from infra.database_errors import DatabaseUnavailable
from infra.payload_encryption import UnreadablePayload

log = logging.getLogger("api")


def temporal_problem(error: RPCError | WorkflowQueryFailedError) -> Problem:
    """What a failed call to Temporal means to a client."""
    if isinstance(error, WorkflowQueryFailedError):
        # Our queries raise nothing: it came too early, or no worker can replay the run until its code is fixed.
        log.warning("A workflow did not answer a query: %s", error)
        return _temporal_unavailable()
    if is_not_found(error):
        return Problem(404, "not-found", "The execution does not exist, or Temporal no longer keeps it.")
    if is_not_started(error):
        return Problem(
            409, "not-started", "The execution has not started: its delay is not over, or no worker has taken it."
        )
    if has_too_many_signals(error):
        return _key_busy()
    if is_unavailable(error):
        log.warning("Temporal cannot be used now: %s: %s", error.status.name, error.message)
        return _temporal_unavailable()
    log.error("Temporal refused a call: %s: %s", error.status.name, error.message)
    return Problem(500, "internal-error", "The call could not be carried out; the gateway's log has the reason.")


def install(app: FastAPI) -> None:
    """Answer failures of Temporal and of the database with problem documents."""

    @app.exception_handler(RPCError)
    async def on_rpc_error(_: Request, error: RPCError) -> JSONResponse:
        return temporal_problem(error).response()

    @app.exception_handler(KeyBusy)
    async def on_key_busy(_: Request, __: KeyBusy) -> JSONResponse:
        return _key_busy().response()

    @app.exception_handler(PayloadTooLarge)
    async def on_payload_too_large(_: Request, error: PayloadTooLarge) -> JSONResponse:
        return Problem(413, "payload-too-large", error.message).response()

    @app.exception_handler(UnreadablePayload)
    async def on_unreadable_payload(_: Request, error: UnreadablePayload) -> JSONResponse:
        log.error("%s", error)
        return Problem(500, "unreadable-payload", str(error)).response()

    @app.exception_handler(RPCTimeoutOrCancelledError)
    async def on_update_without_answer(_: Request, __: RPCTimeoutOrCancelledError) -> JSONResponse:
        return _temporal_unavailable().response()

    @app.exception_handler(WorkflowQueryFailedError)
    async def on_query_without_answer(_: Request, error: WorkflowQueryFailedError) -> JSONResponse:
        return temporal_problem(error).response()

    @app.exception_handler(RuntimeError)
    async def on_runtime_error(_: Request, error: RuntimeError) -> JSONResponse:
        if is_never_connected(error):
            return _temporal_unavailable().response()
        raise error

    @app.exception_handler(DatabaseUnavailable)
    async def on_database_unavailable(_: Request, __: DatabaseUnavailable) -> JSONResponse:
        """The database has logged the reason, once for all requests."""
        return _try_again("database-unavailable", "The database cannot be used").response()


def _temporal_unavailable() -> Problem:
    return _try_again("temporal-unavailable", "Temporal, or the worker that must answer, cannot be reached")


def _key_busy() -> Problem:
    return _try_again("key-busy", "Too many messages wait for this key, and nothing was accepted")


def _try_again(type: str, what: str) -> Problem:
    return Problem(503, type, f"{what}; try again.", headers=RETRY)
