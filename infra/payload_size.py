"""The size of what goes to Temporal, checked in the form in which Temporal gets it.

A body can grow on its way: `1e15` is stored as `1000000000000000.0`. Temporal refuses what is too large, but a result
then counts as an attempt that failed and is computed again, and a workflow's task is repeated without end. Checked
here, an argument is refused before the call, and a result is a failure that is not retried.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import DataConverter

from domain.errors import PayloadTooLarge

_FRAME_BYTES = 6
"""What a message around a payload adds to it, at most."""


def data_converter(max_bytes: int) -> DataConverter:
    """The converter of every client. `max_bytes` bounds the values of one call together: arguments, result, details."""

    class LimitedPayloadConverter(PydanticPayloadConverter):
        def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
            """Raises `PayloadTooLarge`."""
            payloads = super().to_payloads(values)
            size = sum(payload.ByteSize() + _FRAME_BYTES for payload in payloads)
            if size > max_bytes:
                raise PayloadTooLarge(size, max_bytes)
            return payloads

    return replace(pydantic_data_converter, payload_converter_class=LimitedPayloadConverter)
