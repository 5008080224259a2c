"""The base of everything that travels: camelCase on the wire, frozen in Python.

Unknown fields are ignored here, so that old workers read what newer gateways send; the HTTP edge
refuses them (see `api.body`).
"""

import hashlib
import json

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel


class Payload(BaseModel):
    """A value that is sent: a request, a workflow's input, a signal, an outcome."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, frozen=True)


class Empty(Payload):
    """A request that says nothing beyond its path."""


def fingerprint(body: JsonValue) -> str:
    """Identify a JSON value whatever the order of its fields; equal values give equal fingerprints."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
