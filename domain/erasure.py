"""Erasure of what is stored about one person, and the report on each store: what is gone, what stays, until when."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from domain.payload import Payload

MAX_NAMES = 100
"""Keys, invocations and customers in one request."""
_Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=1_000)]], Field(max_length=MAX_NAMES)]


class ErasureRequest(Payload):
    """What belongs to the person; 1 to 100 names in all."""

    keys: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=100)], _Names],
        Field(
            description="By service: users of `UserFeed`, trips of `BookingWorkflow`, invoices of `PaymentTracker`, "
            "packages of `PackageTracker`.",
            examples=[{"UserFeed": ["userid1"], "BookingWorkflow": ["trip12"]}],
        ),
    ] = Field(default_factory=dict)
    invocations: Annotated[_Names, Field(description="Tasks and jobs, by the `invocationId` of their answer.")] = Field(
        default_factory=list
    )
    customers: Annotated[
        _Names, Field(description="Customers of invoices: those of which there is a reminder or a ticket are found.")
    ] = Field(default_factory=list)

    @model_validator(mode="after")
    def _is_bounded(self) -> "ErasureRequest":
        count = len(self.invocations) + len(self.customers) + sum(map(len, self.keys.values()))
        if not 1 <= count <= MAX_NAMES:
            raise ValueError(f"{count} names; 1 to {MAX_NAMES} are allowed")
        return self


class Outcome(StrEnum):
    ERASED = "ERASED"
    NOT_FOUND = "NOT_FOUND"
    """Nothing is there, or it was erased before."""
    KEPT = "KEPT"


class StoreReport(Payload):
    """What became of the data in one store."""

    store: str
    service: str | None = None
    key: str | None = None
    outcome: Outcome
    count: Annotated[int, Field(description="Executions, rows or messages that were erased, or are kept.")] = 0
    reason: Annotated[str | None, Field(description="Why it is kept.")] = None
    until: Annotated[str | None, Field(description="Until when it is kept.")] = None


class ErasureReport(Payload):
    """What an erasure did. `complete` is false if the same request, made later, can erase more."""

    complete: bool
    stores: list[StoreReport]


def erased(store: str, count: int, service: str, key: str) -> StoreReport:
    outcome = Outcome.ERASED if count else Outcome.NOT_FOUND
    return StoreReport(store=store, service=service, key=key, outcome=outcome, count=count)


def left(store: str, service: str, key: str, reason: str, until: str) -> StoreReport:
    """What a later call can erase."""
    return StoreReport(store=store, service=service, key=key, outcome=Outcome.KEPT, reason=reason, until=until)


def kept_by_others(services: Iterable[str]) -> list[StoreReport]:
    """What no call can erase, because it is not in a store of ours or has no single records."""
    kept = [
        ("log files", "Log lines have keys, IDs and texts of errors.", "the retention of your logs ends"),
        ("backups", "Backups of the database and of Temporal are as they were.", "they expire"),
    ]
    if "PaymentTracker" in services:
        kept += [
            ("sent mail", "Reminders that were sent are with the mail server and the customer.", "they delete them"),
            ("closed_invoices", "It has no customer, and stops reminders after a late event.", "you delete the row"),
        ]
    if "BookingWorkflow" in services:
        kept += [
            ("payments", "ID, amount and status are accounting records; the card's token is erased.", "your law says"),
            ("card_tokens", "The card network's record of a card; no payment refers to it.", "you delete the row"),
        ]
    if "AsyncTaskWorker" in services:
        kept += [("receivers of http_request", "What tasks sent is with those hosts.", "they delete it")]
    return [StoreReport(store=store, outcome=Outcome.KEPT, reason=why, until=until) for store, why, until in kept]
