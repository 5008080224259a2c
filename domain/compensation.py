"""The compensations of a saga: their statuses, and an operator's decision on a stuck one."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from domain.payload import Payload


class CompensationStatus(StrEnum):
    REGISTERED = "REGISTERED"
    RUNNING = "RUNNING"
    STUCK = "STUCK"
    DONE = "DONE"
    RESOLVED = "RESOLVED"
    """Done by hand, as an operator reported."""


class Compensation(Payload):
    """One compensation and its status."""

    name: str
    status: CompensationStatus
    note: str = ""


class Resolution(Payload):
    """An operator's answer to a stuck compensation: retry it, or report in `note` what was done by hand."""

    compensation: Annotated[str, Field(min_length=1, max_length=200)]
    retry: bool = False
    note: Annotated[str, Field(max_length=1000)] = ""

    @model_validator(mode="after")
    def _decides(self) -> "Resolution":
        must_decide(self.retry, self.note)
        return self


def must_decide(retry: bool, note: str) -> None:
    """Raises `ValueError` for a resolution that decides nothing."""
    if not retry and not note.strip():
        raise ValueError("write `retry`: true, or a `note` of what was done by hand")
