"""Errors that retrying cannot fix.

    Refusal                  the request breaks a rule; answered with 400
    ├── InvalidKey, ...      each is defined next to the rule that raises it
    ├── NotAllowed           the settings would have to be changed first; answered with 403
    └── BusinessFailure      a downstream system or a business rule refused, after the request was accepted
        └── CardDeclined, ...   each is defined with its pattern, and registers itself in `BUSINESS_FAILURES`

Temporal carries a `BusinessFailure` from an activity to its workflow, and from there to the client,
under its class's name (`ApplicationError.type`).
"""

from typing import Any

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory


class Refusal(Exception):
    """A request that breaks a rule. The message is for its sender."""


class NotAllowed(Refusal):
    """A request for what the settings do not allow. The message names the setting."""


BUSINESS_FAILURES: set[str] = set()
"""The class names of the business failures in the modules imported so far. `domain.patterns` imports all of them."""


class BusinessFailure(ApplicationError):
    """A refusal by a downstream system or a business rule: expected, final, and not a bug."""

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


class PayloadTooLarge(BusinessFailure):
    """An argument or a result is larger than Temporal accepts, so no attempt can succeed."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"An argument or a result has {size} bytes in the form in which Temporal gets it: JSON, where 1e15 is "
            f"1000000000000000.0. At most {limit} are allowed (MAX_PAYLOAD_BYTES)."
        )
