"""Errors as RFC 9457 problem documents with stable types.

Nothing internal leaks: an error that is neither a refusal nor a business failure is logged and answered without
details.
"""

import logging
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from domain.errors import NotAllowed, Refusal
from domain.pattern import InvalidKey
from domain.patterns import PATTERNS
from domain.payload import place
from infra.log_lines import request_id

log = logging.getLogger("api")

RETRY_AFTER_SECONDS = 2
RETRY = {"Retry-After": str(RETRY_AFTER_SECONDS)}
PROBLEM = "application/problem+json"
SERVICES = frozenset(pattern.service for pattern in PATTERNS)


class Problem(Exception):
    """An error as an answer. `type` is stable; `extra` are members in addition to the standard ones."""

    def __init__(
        self,
        status: int,
        type: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.type = type
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra

    def document(self) -> dict[str, Any]:
        return {
            "type": f"urn:problem:{self.type}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }

    def response(self) -> JSONResponse:
        return JSONResponse(self.document(), self.status, self.headers, media_type=PROBLEM)


class ProblemDocument(BaseModel):
    """RFC 9457. There may be further members, such as `errors` (fields) and `compensations` (what was undone)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the problems of an operation in the OpenAPI document."""
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    retry = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": content,
            **({"headers": retry} if status in _RETRY_STATUSES else {}),
        }
        for status in statuses
    }


_RETRY_STATUSES = (429, 503, 504)
"""Statuses that say when to try again."""
MAX_FIELDS = 100
"""How many wrong fields a problem document names: a body can have a hundred thousand."""
MAX_DESCRIBED = 1_000

BODY_STATUSES = (400, 408, 413, 415, 422)
"""Statuses with which a body can be refused."""
STATE_PROBLEMS = responses(400, 404, 409, 503)
"""Problems of a query to a key's workflow, which may not have started."""


def type_name(error: str) -> str:
    """`CardDeclined` becomes `card-declined`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", error).lower()


def not_found(what: str) -> Problem:
    return Problem(404, "not-found", f"{what} does not exist, or Temporal no longer keeps it.")


def refusal_problem(refusal: Refusal) -> Problem:
    status = 403 if isinstance(refusal, NotAllowed) else 400
    return Problem(status, type_name(type(refusal).__name__), str(refusal))


def conflict(detail: str, **extra: Any) -> Problem:
    return Problem(409, "idempotency-conflict", detail, **extra)


def invalid_fields(error: ValidationError, prefix: str = "") -> Problem:
    """Name up to 100 wrong fields without repeating their content.

    None if there are more than 1,000: pydantic describes all of them or none, which takes a second for a million.
    """
    if error.error_count() > MAX_DESCRIBED:
        return Problem(
            422, "invalid-body", f"{error.error_count()} values are wrong, too many to name them.", errors=[]
        )
    fields = [
        {
            "field": ".".join(part for part in (prefix, place(e)) if part) or "body",
            "message": e["msg"],
        }
        for e in error.errors(include_url=False, include_input=False, include_context=False)[:MAX_FIELDS]
    ]
    return Problem(422, "invalid-body", "; ".join(f"{f['field']}: {f['message']}" for f in fields[:5]), errors=fields)


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""

    @app.exception_handler(Problem)
    async def on_problem(_: Request, problem: Problem) -> JSONResponse:
        return problem.response()

    @app.exception_handler(Refusal)
    async def on_refusal(_: Request, refusal: Refusal) -> JSONResponse:
        return refusal_problem(refusal).response()

    @app.exception_handler(RequestValidationError)
    async def on_invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
        fields = [{"field": place(e), "message": e["msg"]} for e in error.errors()[:MAX_FIELDS]]
        detail = "; ".join(f"{f['field']}: {f['message']}" for f in fields)
        return Problem(422, "invalid-request", detail, errors=fields).response()

    @app.exception_handler(HTTPException)
    async def on_http_exception(request: Request, error: HTTPException) -> JSONResponse:
        return _http_problem(request, error).response()

    @app.exception_handler(Exception)
    async def on_anything_else(request: Request, error: Exception) -> JSONResponse:
        log.error("Unexpected error while answering %s %s", request.method, request.url.path, exc_info=error)
        # Middleware does not see this answer.
        answer = Problem(500, "internal-error", "The gateway failed unexpectedly; its log has the reason.").response()
        if id := request_id.get():
            answer.headers["X-Request-ID"] = id
        return answer


def _http_problem(request: Request, error: HTTPException) -> Problem:
    if error.status_code == HTTPStatus.NOT_FOUND and (key := _key_in(request)) is not None:
        detail = "The key contains a slash, which separates path segments." if key else "The key is empty."
        return Problem(400, type_name(InvalidKey.__name__), detail)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _methods_of_path(request, headers.get("Allow", ""))
    details = {
        404: f"There is no {request.method} {request.url.path[:300]}: /docs lists every operation.",
        405: f"{request.url.path[:300]} does not accept {request.method}: /docs lists every operation.",
    }
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    detail = details.get(error.status_code, str(error.detail))
    return Problem(error.status_code, kind, detail, headers=headers)


def _key_in(request: Request) -> str | None:
    """The key in a path without an operation, if it is empty or has a slash, as in `/UserFeed/a%2Fb/processPost`."""
    raw_path = request.scope.get("raw_path", b"").decode("ascii", "replace")
    _, service, *rest = raw_path.split("/")
    if not rest or unquote(service) not in SERVICES:
        return None
    key = unquote(rest[0])
    return key if not key or "/" in key else None


def _methods_of_path(request: Request, of_one: str) -> str:
    """The methods of all operations at the request's path: the framework names those `of_one` of them."""
    routes: list[Route] = request.app.state.operations
    methods = {method.strip() for method in of_one.split(",")}
    methods.update(*(r.methods or () for r in routes if r.matches(request.scope)[0] is not Match.NONE))
    return ", ".join(sorted({*methods, "HEAD"} if "GET" in methods else methods))
