"""Request bodies: bounded, JSON, strict; an error names the field and never repeats its content."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from pydantic import ValidationError

from api.problems import Problem, invalid_fields
from domain.payload import Payload

Body = TypeVar("Body", bound=Payload)


async def read_limited(request: Request, limit: int) -> bytes:
    """Read a body of at most `limit` bytes. Raises `Problem` 413."""
    too_large = Problem(413, "body-too-large", f"The body is larger than {limit} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limit:
            raise too_large
    return bytes(received)


def strict(model: type[Body]) -> Callable[[Request], Awaitable[Body]]:
    """A dependency that reads `model` from the body: no unknown fields, no conversions between types."""

    async def parse(request: Request) -> Body:
        content_type = request.headers.get("content-type", "application/json")
        if content_type.split(";")[0].strip().lower() != "application/json":
            raise Problem(415, "unsupported-media-type", "Send the body as application/json.")
        raw = await read_limited(request, request.app.state.settings.max_body_bytes)
        try:
            return model.model_validate_json(raw, strict=True, extra="forbid", by_alias=True, by_name=False)
        except ValidationError as error:
            raise _problem(error) from None

    return parse


def _problem(error: ValidationError) -> Problem:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return Problem(400, "malformed-json", f"The body is not JSON: {first['ctx']['error']}.")
    return invalid_fields(error)


def openapi_body(model: type[Payload]) -> dict[str, Any]:
    """Describe a body read by `strict` in the OpenAPI document."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
