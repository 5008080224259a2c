"""The Kafka clusters that the user of `make up` has, besides the embedded broker or instead of it, and their topics."""

import json
from collections.abc import Mapping

from pydantic import JsonValue

from devstack.errors import CannotStart

EMBEDDED_CLUSTER = "my-cluster"


def own_clusters(environment: Mapping[str, str], *, embedded_broker: bool) -> dict[str, JsonValue]:
    """Return the clusters of KAFKA_CLUSTERS, which may be empty.

    Raises `CannotStart` if it cannot be read, if it also has the embedded broker's name, or if there is neither it nor
    the embedded broker.
    """
    clusters = _read(environment, "KAFKA_CLUSTERS", '{"orders": "localhost:19092"}')
    if embedded_broker and EMBEDDED_CLUSTER in clusters:
        raise CannotStart(
            f"KAFKA_CLUSTERS has {EMBEDDED_CLUSTER!r}, which is the embedded broker's name: choose another name, or"
            " start without the embedded broker (BROKER=none)."
        )
    if not embedded_broker and not clusters:
        raise CannotStart(
            "BROKER=none starts no broker, and KAFKA_CLUSTERS names no cluster. Name yours, for example"
            f""" KAFKA_CLUSTERS='{{"{EMBEDDED_CLUSTER}": "localhost:19092"}}'."""
        )
    return clusters


def own_topics(environment: Mapping[str, str]) -> dict[str, JsonValue]:
    """Return what subscriptions may name, by cluster, from KAFKA_ALLOWED. Raises `CannotStart` if it cannot be read."""
    return _read(environment, "KAFKA_ALLOWED", '{"orders": ["new-orders"]}')


def _read(environment: Mapping[str, str], name: str, example: str) -> dict[str, JsonValue]:
    try:
        value = json.loads(environment.get(name, "").strip() or "{}")
    except ValueError as error:
        raise CannotStart(f"{name} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise CannotStart(f"{name} must be a JSON object, for example {example}.")
    return value
