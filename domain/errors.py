"""Errors that retrying cannot fix.

    Refusal                  a rule said no; answered with 400
    ├── InvalidKey, ...      each stands with the rule that raises it
    └── BusinessFailure      a downstream system or a business rule said no, after the request was accepted
        └── CardDeclined, ...   each stands with its pattern, and registers itself in `BUSINESS_FAILURES`

Temporal carries a `BusinessFailure` from an activity to its workflow, and from there to the client,
under its class's name (`ApplicationError.type`).
"""

from typing import Any

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory


class Refusal(Exception):
    """A request that breaks a rule, with a message for whoever sent it."""


BUSINESS_FAILURES: set[str] = set()
"""Of every kind, once its module is imported: ask `domain.patterns`, which imports all patterns."""


class BusinessFailure(ApplicationError):
    """A refusal by a downstream system or a business rule: final, expected, not a fault of ours."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        BUSINESS_FAILURES.add(cls.__name__)

    def __init__(self, message: str, *details: Any) -> None:
        super().__init__(
            message,
            *details,
            type=type(self).__name__,
            non_retryable=True,
            category=ApplicationErrorCategory.BENIGN,
        )
