"""Request bodies: limited in size and time, strict JSON. An error names the field and never repeats its content."""

import asyncio
import re
from typing import Generic, TypeVar

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from api.http.problems import Problem, invalid_fields
from api.http.waiting import ClientDisconnected
from domain.payload import STRICT, Payload, check_json
from infra.settings import Settings

Body = TypeVar("Body", bound=Payload)
_LENGTH = re.compile("[0-9]{1,19}")


async def read_limited(request: Request) -> bytes:
    """Read a body within `max_body_bytes` and `body_timeout`. Raises `Problem` 408 and 413, `ClientDisconnected`."""
    settings: Settings = request.app.state.settings
    seconds = settings.body_timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, settings.max_body_bytes)
    except TimeoutError:
        raise Problem(408, "body-too-slow", f"The body did not arrive within {seconds:g} s.") from None
    except ClientDisconnect:
        raise ClientDisconnected from None


async def _read(request: Request, limit: int) -> bytes:
    too_large = Problem(413, "body-too-large", f"The body is larger than the limit of {limit} bytes.")
    declared = request.headers.get("content-length", "")
    if _LENGTH.fullmatch(declared) and int(declared) > limit:
        raise too_large
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limit:
            raise too_large
    return bytes(received)


class StrictBody(Generic[Body]):
    """A dependency that reads `model` from the body: no unknown fields, no conversions between types."""

    def __init__(self, model: type[Body]) -> None:
        self.model = model

    async def __call__(self, request: Request) -> Body:
        content_type = request.headers.get("content-type", "application/json")
        if content_type.split(";")[0].strip().lower() != "application/json":
            raise Problem(415, "unsupported-media-type", "Send the body as application/json.")
        raw = await read_limited(request)
        try:
            check_json(raw)
        except ValueError as error:
            raise Problem(400, "malformed-json", f"The body is not JSON: {error}.") from None
        try:
            return self.model.model_validate_json(raw, extra="forbid", **STRICT)
        except ValidationError as error:
            raise invalid_fields(error) from None
