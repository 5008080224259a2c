"""Who calls the gateway: a caller, its roles, and its tenant."""

import re
from dataclasses import dataclass
from enum import StrEnum

DEFAULT_TENANT = "default"
"""The tenant of callers that need no credentials, and of those whose credentials name no other."""
_TENANT = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


class Role(StrEnum):
    """What a caller may do. No role includes another."""

    CALLER = "caller"
    """Run handlers, read states and outcomes."""
    OPERATOR = "operator"
    """Decide, cancel, redrive, erase; subscriptions and dead letters."""
    METRICS = "metrics"
    """Read `/metrics`."""
    WEBHOOK = "webhook"
    """Send Stripe's events. Stripe's signature gives it; neither an API key nor a token can."""


GRANTED = frozenset({Role.CALLER, Role.OPERATOR, Role.METRICS})
"""The roles that an API key or a token can have."""


@dataclass(frozen=True)
class Caller:
    """Whom a request comes from, as its credentials show."""

    name: str
    tenant: str
    roles: frozenset[Role]
    services: frozenset[str] | None = None
    """The services that it may call; None for all."""

    def may_reach(self, service: str) -> bool:
        return self.services is None or service in self.services


def owned(tenant: str, name: str) -> str:
    """`name`, as it is known beyond the tenant: in the IDs of executions, in the database, in Kafka.

    The default tenant's names are themselves, others have the tenant and a slash before them: `acme/booking:trip12`. No
    key, topic, group or service has a slash, so no name of one tenant can be that of another.
    """
    return name if tenant == DEFAULT_TENANT else f"{tenant}/{name}"


def without_owner(name: str) -> str:
    """The name that `owned` was given."""
    return name.rpartition("/")[2]


def valid_tenant(name: str) -> str:
    """Return `name` if it can name a tenant: 1 to 63 letters, digits, `-` and `_`, of ASCII. Raises `ValueError`.

    It becomes part of workflow IDs and of Kafka's group names.
    """
    if not _TENANT.fullmatch(name):
        raise ValueError("a tenant has 1 to 63 letters, digits, - and _, and begins with a letter or a digit")
    return name
