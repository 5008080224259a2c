"""What the stack's processes inherit, and what they do not."""

import json
from pathlib import Path

import pytest

from devstack.data_folder import DataFolder
from devstack.ports import Ports
from devstack.servers import stages


def test_without_a_broker_only_the_users_clusters_are_known(tmp_path: Path) -> None:
    own = {"KAFKA_CLUSTERS": '{"orders": "localhost:19092"}', "KAFKA_EPOCH": "2"}
    with_broker, without = (stages(Ports(broker=port), DataFolder(tmp_path), own) for port in (9092, None))
    assert [spec.name for spec in without[0]] == ["temporal", "migrate"]
    assert json.loads(without[1][0].environment["KAFKA_CLUSTERS"]) == {"orders": "localhost:19092"}
    both = {"orders": "localhost:19092", "my-cluster": "127.0.0.1:9092"}
    assert json.loads(with_broker[1][0].environment["KAFKA_CLUSTERS"]) == both


@pytest.mark.parametrize("port", [9092, None])
@pytest.mark.parametrize(
    ("own", "mine"),
    [
        ({}, {"my-cluster": ["social-media-posts", "package-location-updates"]}),
        ({"orders": ["new"]}, {"my-cluster": ["social-media-posts", "package-location-updates"], "orders": ["new"]}),
        ({"my-cluster": ["posts"]}, {"my-cluster": ["posts"]}),
    ],
)
def test_the_demos_topics_may_be_subscribed_unless_the_user_says_otherwise(
    tmp_path: Path, port: int | None, own: dict[str, list[str]], mine: dict[str, list[str]]
) -> None:
    found = stages(Ports(broker=port), DataFolder(tmp_path), {"KAFKA_ALLOWED": json.dumps(own)})
    assert json.loads(found[1][0].environment["KAFKA_ALLOWED"]) == mine


def test_workers_keep_bytecode_and_connect_to_no_other_temporal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("TEMPORAL_API_KEY", "another's")
    monkeypatch.setenv("LANG", "C.UTF-8")
    specs = {spec.name: spec for stage in stages(Ports(), DataFolder(tmp_path), {}) for spec in stage}
    environment = specs["workers"].environment
    assert environment["LANG"] == "C.UTF-8"
    assert not {"PYTHONDONTWRITEBYTECODE", "TEMPORAL_API_KEY"} & set(environment)
