"""Whether a cluster refuses access. aiokafka only logs why it cannot connect: a wrong password looks like an outage."""

from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)

ACCESS_REFUSED = (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)


async def why_unreachable(connection: dict[str, Any], timeout_ms: int) -> Exception | None:
    """Connect to the bootstrap servers in turn. Return the last one's error, or None if one accepts the connection.

    `connection` are the arguments of aiokafka's clients. `timeout_ms` is for all servers together.
    """
    security = {name: value for name, value in connection.items() if name != "bootstrap_servers"}
    error: Exception | None = None
    hosts = collect_hosts(connection["bootstrap_servers"])
    for host, port, _ in hosts:
        try:
            opened = await create_conn(host, port, request_timeout_ms=timeout_ms // len(hosts), **security)
        except (KafkaError, OSError, TimeoutError) as reason:
            error = reason
            if isinstance(reason, ACCESS_REFUSED):
                break
        else:
            opened.close()
            return None
    return error
