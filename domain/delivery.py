"""A delayed message: what to send to which entity after the delay."""

from typing import Any

from domain.access import DEFAULT_TENANT
from domain.errors import BusinessFailure
from domain.inbox import Batch
from domain.payload import Payload

DELIVERY_QUEUE = "delivery"
DELIVERY_ACTIVITY = "deliver"


class DelayedMessage(Payload):
    """Messages for `handler` of `service`, under `key` of `tenant`."""

    tenant: str = DEFAULT_TENANT
    service: str
    key: str
    handler: str
    batch: Batch[Any]


class UndeliverableMessage(BusinessFailure):
    """A delayed message whose service or handler does not exist any more."""
