"""Temporal's remote codec: the Web UI and the `temporal` CLI have payloads decrypted and encrypted here."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.responses import JSONResponse
from google.protobuf import json_format
from pydantic import ConfigDict, FailFast
from temporalio.api.common.v1 import Payload as TemporalPayload

from api.gateway import Gateway
from api.http.body import StrictBody
from api.http.problems import BODY_STATUSES, Problem, responses
from api.http.query import ignore_unknown_parameters
from api.security.access import needs
from api.security.web_ui import CODEC_PATH
from domain.access import Role
from domain.payload import LARGEST_PAYLOAD_BYTES, Payload
from infra.payload_encryption import UnreadablePayload

MAX_BODY_BYTES = 2 * LARGEST_PAYLOAD_BYTES
"""The payloads of one event in base64, which takes a third more."""
_MORE_FIELDS: dict[str, Any] = {"additionalProperties": True}


class EncodedPayload(Payload):
    """A payload as Temporal's JSON has it: all values in base64."""

    model_config = ConfigDict(val_json_bytes="base64", json_schema_extra=_MORE_FIELDS)
    metadata: dict[str, bytes] | None = None
    data: bytes | None = None

    def to_temporal(self) -> TemporalPayload:
        return TemporalPayload(metadata=self.metadata, data=self.data or b"")


class EncodedPayloads(Payload):
    """What Temporal's remote codec is sent."""

    model_config = ConfigDict(json_schema_extra=_MORE_FIELDS)
    payloads: Annotated[list[EncodedPayload], FailFast()]


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "As many payloads, in the same order.",
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{EncodedPayloads.__name__}"}}},
    },
    **responses(*BODY_STATUSES, 401, 403),
}
Given = Annotated[
    EncodedPayloads, Depends(StrictBody(EncodedPayloads, max_bytes=MAX_BODY_BYTES, unknown_fields="ignore"))
]


def router(gateway: Gateway) -> APIRouter:
    async def is_our_namespace(
        namespace: Annotated[str | None, Header(alias="X-Namespace", description="The gateway's, or none.")] = None,
    ) -> None:
        ours = gateway.client.namespace
        if namespace not in (None, ours):
            raise Problem(403, "forbidden", f"This gateway has the keys of the namespace {ours!r} only.")

    routes = APIRouter(
        prefix=CODEC_PATH,
        tags=["Operations"],
        dependencies=[*needs(Role.OPERATOR), Depends(is_our_namespace), Depends(ignore_unknown_parameters)],
        default_response_class=JSONResponse,
    )

    @routes.post("/decode", responses=_ANSWERS, operation_id="decodePayloads")
    async def decode(given: Given) -> JSONResponse:
        """Decrypt payloads, for the Web UI and `temporal --codec-endpoint`. Those in clear text stay as they are."""
        try:
            decoded = await gateway.codec.decode([each.to_temporal() for each in given.payloads])
        except UnreadablePayload as error:
            raise Problem(400, "unreadable-payload", str(error)) from None
        return _answer(decoded)

    @routes.post("/encode", responses=_ANSWERS, operation_id="encodePayloads")
    async def encode(given: Given) -> JSONResponse:
        """Encrypt payloads under the newest key: what the Web UI and the `temporal` CLI send to workflows."""
        return _answer(await gateway.codec.encode([each.to_temporal() for each in given.payloads]))

    return routes


def _answer(payloads: list[TemporalPayload]) -> JSONResponse:
    return JSONResponse({"payloads": [json_format.MessageToDict(each) for each in payloads]})
