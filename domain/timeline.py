"""An invoice on a time axis: what has happened to it, and what follows if nothing else does."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from domain.payload import Payload

ENTRIES_KEPT = 200
"""The newest: more than the most reminders, so that failed payments alone can drop one."""

ESCALATION = "escalation to support"


class Happened(StrEnum):
    PAYMENT_FAILED = "PAYMENT_FAILED"
    REMINDER_SENT = "REMINDER_SENT"
    REMINDER_FAILED = "REMINDER_FAILED"
    ESCALATED = "ESCALATED"
    UNCOLLECTIBLE = "UNCOLLECTIBLE"
    DELETED = "DELETED"
    VOID = "VOID"
    PAID = "PAID"


class TimelineEntry(Payload):
    at: datetime
    what: Annotated[Happened, Field(description="`REMINDER_FAILED`: no mail server accepted it.")]


class PlannedAction(Payload):
    at: datetime
    action: Annotated[str, Field(description="`reminder 2 of 3`, or `escalation to support`.")]


def add(timeline: list[TimelineEntry], what: Happened, at: datetime) -> None:
    timeline[:] = [*timeline, TimelineEntry(at=at, what=what)][-ENTRIES_KEPT:]
