"""The size of what goes to Temporal, checked in the form in which Temporal gets it.

A body can grow on its way: `1e15` is stored as `1000000000000000.0`. Temporal refuses what is too large, but a result
then counts as an attempt that failed and is computed again, and a workflow's task is repeated without end. Checked
here, an argument is refused before the call, and a result is a failure that is not retried. The text of an error is
cut: a failure that Temporal refuses would leave its attempt without an end until it times out.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import CompositePayloadConverter, DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ActivityError, ApplicationError, ApplicationErrorCategory

from domain.errors import PayloadTooLarge

_FRAME_BYTES = 6
"""What a message around a payload adds to it, at most."""

MAX_ERROR_CHARACTERS = 10_000
"""The longest text of one error in a chain of causes."""


class LimitedFailureConverter(DefaultFailureConverter):
    """Writes errors that fit, whatever their texts and details are.

    What is expected (BENIGN) has no stack trace: it would be a third of the history of a trip that is refused.
    """

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        try:
            with _without_trace(exception) if _is_expected(exception) else nullcontext():
                super().to_failure(exception, payload_converter, failure)
        except PayloadTooLarge as too_large:  # the error's details
            too_large.__suppress_context__ = True  # which is `exception`: it would be converted again
            failure.Clear()
            super().to_failure(too_large, payload_converter, failure)
        if len(failure.message) > MAX_ERROR_CHARACTERS:
            failure.message = f"{failure.message[: MAX_ERROR_CHARACTERS - 1]}…"


def _is_expected(exception: BaseException) -> bool:
    """Whether it is an error that is no fault, or says only which activity had the error that is its cause."""
    if isinstance(exception, ApplicationError):
        return exception.category is ApplicationErrorCategory.BENIGN
    return isinstance(exception, ActivityError)


@contextmanager
def _without_trace(exception: BaseException) -> Iterator[None]:
    trace, exception.__traceback__ = exception.__traceback__, None
    try:
        yield
    finally:
        exception.__traceback__ = trace


def limited_converter(max_bytes: int, overhead_bytes: int) -> type[CompositePayloadConverter]:
    """Writes values that fit. `max_bytes` bounds the values of one call together: arguments, result, details.

    `overhead_bytes` is what the codec adds to each value, at most.
    """
    # Each execution of a workflow makes a converter. They share what pydantic makes for a type, and the cache of it.
    converters = tuple(PydanticPayloadConverter().converters.values())

    class LimitedPayloadConverter(CompositePayloadConverter):
        def __init__(self) -> None:
            super().__init__(*converters)

        def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
            """Raises `PayloadTooLarge`."""
            payloads = super().to_payloads(values)
            size = sum(payload.ByteSize() + overhead_bytes + _FRAME_BYTES for payload in payloads)
            if size > max_bytes:
                raise PayloadTooLarge(size, max_bytes)
            return payloads

    return LimitedPayloadConverter
