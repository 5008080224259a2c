"""Request bodies: limited in size and time, strict JSON. An error names the field and never repeats its content."""

import asyncio
import re
from itertools import islice
from typing import Generic, Literal, TypeVar

from fastapi import Request
from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import InitErrorDetails
from starlette.requests import ClientDisconnect

from api.http.problems import MAX_FIELDS, Problem, invalid_fields
from api.http.unknown_fields import unknown_fields
from api.http.waiting import ClientDisconnected
from domain.payload import STRICT, Payload, check_json
from infra.settings import Settings

Body = TypeVar("Body", bound=Payload)
_LENGTH = re.compile("[0-9]{1,19}")


async def refuse_other_media_types(request: Request) -> None:
    """A dependency of every operation, also of those that read no body. Raises `Problem` 415.

    A page of any site can post text or a form to any address; for JSON a browser asks the gateway first.
    """
    headers = request.headers
    has_body = headers.get("content-length", "").strip("0") or "transfer-encoding" in headers
    types = [each.split(";")[0].strip().lower() for each in headers.getlist("content-type")]
    if has_body and types != ["application/json"]:
        raise Problem(415, "unsupported-media-type", "Send the body with one header Content-Type: application/json.")


async def read_limited(request: Request, max_bytes: int | None = None) -> bytes:
    """Read a body of at most `max_bytes`, by default the setting `max_body_bytes`, within `body_timeout`.

    Raises `Problem` 408, 413, and 415 for a compressed body; `ClientDisconnected`.
    """
    _must_not_be_encoded(request)
    settings: Settings = request.app.state.settings
    seconds = settings.body_timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, max_bytes or settings.max_body_bytes)
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


def _must_not_be_encoded(request: Request) -> None:
    """A body may be unpacked to any size, so none is."""
    encodings = ",".join(request.headers.getlist("content-encoding")).split(",")
    if {encoding.strip().lower() for encoding in encodings} - {"", "identity"}:
        detail = "The body has a Content-Encoding: send it as it is, without compression."
        raise Problem(415, "unsupported-content-encoding", detail, headers={"Accept-Encoding": "identity"})


def must_be_json(raw: bytes) -> JsonValue:
    """Read JSON. Raises `Problem` 400 for what is not JSON, or cannot be stored."""
    try:
        return check_json(raw)
    except ValueError as error:
        raise Problem(400, "malformed-json", f"The body is not JSON: {error}.") from None


class StrictBody(Generic[Body]):
    """A dependency that reads `model` from the body: no unknown fields, no conversions between types.

    `max_bytes` replaces the setting `max_body_bytes`. `unknown_fields` of a form that others define are ignored.
    """

    def __init__(
        self,
        model: type[Body],
        max_bytes: int | None = None,
        unknown_fields: Literal["forbid", "ignore"] = "forbid",
    ) -> None:
        self.model = model
        self._max_bytes = max_bytes
        self._unknown_fields = unknown_fields

    async def __call__(self, request: Request) -> Body:
        raw = await read_limited(request, self._max_bytes)
        value = must_be_json(raw)
        if self._unknown_fields == "forbid":
            _must_not_be_full_of_unknown_fields(value, self.model)
        try:
            return self.model.model_validate_json(raw, extra=self._unknown_fields, **STRICT)
        except ValidationError as error:
            raise invalid_fields(error) from None


def _must_not_be_full_of_unknown_fields(value: JsonValue, model: type[BaseModel]) -> None:
    """A few are refused with what else is wrong. Raises `Problem` 422 for more than a document can name."""
    places = list(islice(unknown_fields(value, model), MAX_FIELDS + 1))
    if len(places) > MAX_FIELDS:
        errors = [InitErrorDetails(type="extra_forbidden", loc=place, input=None) for place in places[:MAX_FIELDS]]
        raise invalid_fields(ValidationError.from_exception_data(model.__name__, errors))
