"""Why a client cannot connect. aiokafka only logs that: a wrong password, or an address that exists only on the
brokers' own network, looks like an outage."""

import asyncio
from typing import Any

from aiokafka.client import AIOKafkaClient
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


async def unreachable_listeners(client: AIOKafkaClient, connection: dict[str, Any], timeout_ms: int) -> str:
    """Connect to each address that the brokers have advertised to `client`. Return what is wrong with them, in words;
    empty if all accept a connection, or if none is known."""
    security = {name: value for name, value in connection.items() if name != "bootstrap_servers"}
    # The bootstrap servers, which are listed until the brokers are known, have no numbers.
    brokers = [broker for broker in client.cluster.brokers() if isinstance(broker.nodeId, int)]

    async def problem(host: str, port: int) -> str:
        try:
            opened = await create_conn(host, port, request_timeout_ms=timeout_ms, **security)
        except ACCESS_REFUSED:
            return ""
        except (KafkaError, OSError, TimeoutError) as error:
            return str(error.__cause__ or error) or type(error).__name__
        opened.close()
        return ""

    problems = await asyncio.gather(*(problem(broker.host, broker.port) for broker in brokers))
    lines = [
        f"Broker {broker.nodeId} is advertised as {broker.host}:{broker.port}, "
        f"which cannot be reached from here: {text}."
        for broker, text in zip(brokers, problems, strict=True)
        if text
    ]
    advice = "Fix the broker's advertised.listeners, or the name resolution of this machine."
    return " ".join([*sorted(lines), advice]) if lines else ""
