"""The OpenAPI document: what FastAPI cannot see in the routes, namely bodies, headers and links."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.http.body import StrictBody
from api.http.problems import ProblemDocument, responses
from domain.payload import Payload

EXECUTION_HEADERS: dict[str, Any] = {
    "Invocation-Id": {"description": "The `invocationId`.", "schema": {"type": "string"}},
    "Link": {"description": "The execution's page in the Web UI, as `execution`.", "schema": {"type": "string"}},
}
"""Headers of every answer about an execution."""
BEARER_SCHEME = "Bearer"
"""The name of the security scheme of API keys and JWTs."""
_SCHEMAS = "#/components/schemas/"


def links(parameter: str, value: str, operations: Iterable[str]) -> dict[str, Any]:
    """OpenAPI links to `operations`, which take `value`, a runtime expression, as their path's `parameter`."""
    return {name: {"operationId": name, "parameters": {parameter: value}} for name in operations}


def describe_bodies(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Make `app.openapi()` describe the bodies that the routes of `routers` read with `StrictBody`."""
    generate = app.openapi
    bodies = {
        (route.path_format, method.lower()): model
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and (model := _body_of(route.dependant))
        for method in route.methods or ()
    }

    @cache
    def openapi() -> dict[str, Any]:
        document = generate()
        _add_schemas(document, {*bodies.values()})
        for (path, method), model in bodies.items():
            schema = {"$ref": f"{_SCHEMAS}{model.__name__}"}
            document["paths"][path][method]["requestBody"] = {
                "required": True,
                "content": {"application/json": {"schema": schema}},
            }
        _remove_fastapis_own_problems(document)
        _add_refusals(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _body_of(dependant: Dependant) -> type[Payload] | None:
    """The model that a route, or one of its dependencies, reads from the body."""
    if isinstance(dependant.call, StrictBody):
        return dependant.call.model
    return next((model for each in dependant.dependencies if (model := _body_of(each))), None)


def _add_schemas(document: dict[str, Any], bodies: set[type[Payload]]) -> None:
    models: set[type[BaseModel]] = {ProblemDocument, *bodies}
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=f"{_SCHEMAS}{{model}}"
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in definitions["$defs"].items():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)  # see `StrictBody`
        schemas.setdefault(name, schema)


def _add_refusals(document: dict[str, Any]) -> None:
    """Describe what operations refuse before their own code runs.

    Credentials, too many requests of a caller, and 503 if an issuer does not answer or too many calls wait; a body
    that does not say that it is JSON.
    """
    challenge = {"WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}}}
    with_credentials = {status: problem | {"headers": challenge} for status, problem in _problems(401, 403).items()}
    with_credentials |= _problems(429, 503)
    for path in document["paths"].values():
        for method, operation in path.items():
            refusals = _problems(415) if method != "get" else {}  # clients send no body with a GET
            if any(BEARER_SCHEME in each for each in operation.get("security", ())):
                refusals = with_credentials | refusals
            operation["responses"] = refusals | operation["responses"]


def _problems(*statuses: int) -> dict[str, dict[str, Any]]:
    return {str(status): problem for status, problem in responses(*statuses).items()}


def _remove_fastapis_own_problems(document: dict[str, Any]) -> None:
    """Remove FastAPI's own description of a 422: this application answers with problem documents."""
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        if "application/json" in operation["responses"].get("422", {}).get("content", {}):
            del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
