"""What can go wrong for a reason that a retry does not mend.

    Refusal                  a rule said no
    ├── InvalidKey           the key cannot name an execution
    ├── InvalidDelay         the delay cannot be read, or is out of bounds
    ├── InvalidCard          no card has this number
    ├── UnknownTaskKind      no task kind has this name
    └── BusinessFailure      a downstream system said no; fails the step that asked
        ├── FlightSoldOut, CarUnavailable, CardDeclined, ReservationCancelled, PaymentCancelled, CancellationRefused,
        │   KeyReused
        ├── MailRejected     the mail server refused a message for good
        ├── TripFailed       the saga's own: names the cause and what was undone
        ├── TaskRejected     a task that no further attempt can complete
        ├── SubtaskFailed    a fan-out job that was asked to stop at its first failure
        └── UndeliverableMessage a delayed message without a receiver

Temporal carries a `BusinessFailure` from an activity to its workflow, and from there to the client,
under its class's name (`ApplicationError.type`).
"""

from typing import Any

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory


class Refusal(Exception):
    """A request that breaks a rule, with a message for whoever sent it."""


class InvalidKey(Refusal):
    """The key cannot name an execution."""


class InvalidDelay(Refusal):
    """The delay cannot be read, or is out of bounds."""


class InvalidCard(Refusal):
    """No card has this number."""


class UnknownTaskKind(Refusal):
    """No task kind has this name."""


class BusinessFailure(ApplicationError):
    """A refusal by a downstream system or a business rule: final, expected, not a fault of ours."""

    def __init__(self, message: str, *details: Any) -> None:
        super().__init__(
            message,
            *details,
            type=type(self).__name__,
            non_retryable=True,
            category=ApplicationErrorCategory.BENIGN,
        )


class FlightSoldOut(BusinessFailure):
    """The airline has no seat left."""


class CarUnavailable(BusinessFailure):
    """The rental station has no car."""


class ReservationCancelled(BusinessFailure):
    """The reservation was cancelled before this call arrived; its key is spent."""


class CancellationRefused(BusinessFailure):
    """A company does not take back what it reserved; a person has to ask."""


class KeyReused(BusinessFailure):
    """The key names another reservation or payment, which stays as it is: an ID was used for two trips."""


class CardDeclined(BusinessFailure):
    """The card network refused the charge."""


class PaymentCancelled(BusinessFailure):
    """The payment was refunded before this call arrived; its key is spent."""


class MailRejected(BusinessFailure):
    """The mail server refused the message or its receiver, and will refuse it again."""


class TripFailed(BusinessFailure):
    """The trip could not be booked; everything that had been done for it is undone."""


class TaskRejected(BusinessFailure):
    """A task that no further attempt can complete."""


class SubtaskFailed(BusinessFailure):
    """A subtask failed in a job that stops at its first failure."""


class UndeliverableMessage(BusinessFailure):
    """A delayed message whose service or handler does not exist any more."""
