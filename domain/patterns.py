"""The table of patterns: the six services that the gateway offers."""

from domain.booking import BOOKING
from domain.errors import BUSINESS_FAILURES
from domain.fan_out import FAN_OUT
from domain.message_queue import MESSAGE_QUEUE
from domain.package_tracker import PACKAGE_TRACKER
from domain.pattern import Entity, Pattern
from domain.payment_tracker import PAYMENT_TRACKER
from domain.user_feed import USER_FEED

PATTERNS: tuple[Pattern, ...] = (
    MESSAGE_QUEUE,
    BOOKING,
    PAYMENT_TRACKER,
    FAN_OUT,
    USER_FEED,
    PACKAGE_TRACKER,
)

ENTITIES = {pattern.service: pattern for pattern in PATTERNS if isinstance(pattern, Entity)}
"""By service, the patterns that receive messages: over HTTP, with a delay, and from Kafka."""


def is_business_failure(error_type: str | None) -> bool:
    """Whether this type of `ApplicationError` is a business failure of any pattern: all patterns are imported here."""
    return error_type in BUSINESS_FAILURES
