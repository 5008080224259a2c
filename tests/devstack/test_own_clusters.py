"""Clusters of the user's own, and a stack without a broker."""

import pytest

from devstack.errors import CannotStart
from devstack.own_clusters import own_clusters, own_topics


def test_the_clusters_of_the_environment_are_kept() -> None:
    clusters = {"KAFKA_CLUSTERS": '{"orders": "localhost:19092", "safe": {"bootstrapServers": "kafka:1"}}'}
    for embedded in (True, False):
        kept = own_clusters(clusters, embedded_broker=embedded)
        assert kept == {"orders": "localhost:19092", "safe": {"bootstrapServers": "kafka:1"}}


@pytest.mark.parametrize("environment", [{}, {"KAFKA_CLUSTERS": ""}], ids=["not set", "empty"])
def test_with_the_embedded_broker_there_need_be_none(environment: dict[str, str]) -> None:
    assert own_clusters(environment, embedded_broker=True) == {}


@pytest.mark.parametrize(
    ("clusters", "embedded", "reason"),
    [
        ("", False, "BROKER=none starts no broker, and KAFKA_CLUSTERS names no cluster. Name yours"),
        ("{}", False, "names no cluster"),
        ('{"my-cluster": "localhost:1"}', True, "which is the embedded broker's name: choose another name"),
        ("localhost:9092", True, "KAFKA_CLUSTERS is not JSON"),
        ('["localhost:9092"]', False, "must be a JSON object"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(clusters: str, embedded: bool, reason: str) -> None:
    with pytest.raises(CannotStart, match=reason):
        own_clusters({"KAFKA_CLUSTERS": clusters}, embedded_broker=embedded)


@pytest.mark.parametrize("allowed", ["orders", '["orders"]', '"orders"'])
def test_topics_that_cannot_be_read_are_refused_before_anything_starts(allowed: str) -> None:
    with pytest.raises(CannotStart, match="KAFKA_ALLOWED"):
        own_topics({"KAFKA_ALLOWED": allowed})
