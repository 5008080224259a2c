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


FAILURES = (
    RPCError,
    KeyBusy,
    PayloadTooLarge,
    UnreadablePayload,
    RPCTimeoutOrCancelledError,
    WorkflowQueryFailedError,
    DatabaseUnavailable,
)
"""What the calls of a request raise if Temporal, the database or a payload is at fault."""


def failure_of(error: Exception) -> Problem | None:
    """What one of `FAILURES` means to a client; None for a fault of the gateway. The database has logged its reason,
    once for all requests."""
    match error:
        case RPCError() | WorkflowQueryFailedError():
            return temporal_problem(error)
        case KeyBusy():
            return _key_busy()
        case PayloadTooLarge():
            return Problem(413, "payload-too-large", error.message)
        case UnreadablePayload():
            log.error("%s", error)
            return Problem(500, "unreadable-payload", str(error))
        case DatabaseUnavailable():
            return _try_again("database-unavailable", "The database cannot be used")
    is_without_answer = isinstance(error, RPCTimeoutOrCancelledError)  # of an update
    return _temporal_unavailable() if is_without_answer else None


def install(app: FastAPI) -> None:
    """Answer failures of Temporal and of the database with problem documents."""

    async def on_failure(_: Request, error: Exception) -> JSONResponse:
        if (problem := failure_of(error)) is None:
            raise error
        return problem.response()

    for each in FAILURES:
        app.add_exception_handler(each, on_failure)


def _temporal_unavailable() -> Problem:
    return _try_again("temporal-unavailable", "Temporal, or the worker that must answer, cannot be reached")


def _key_busy() -> Problem:
    return _try_again("key-busy", "Too many messages wait for this key, and nothing was accepted")


def _try_again(type: str, what: str) -> Problem:
    return Problem(503, type, f"{what}; try again.", headers=RETRY)
