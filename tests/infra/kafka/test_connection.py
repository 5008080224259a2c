"""The connection settings of a cluster are checked when the process starts."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from infra.kafka.connection import KafkaCluster
from infra.settings import Settings

SASL = {"saslMechanism": "PLAIN", "username": "ann", "password": "hunter2"}


def cluster(**fields: object) -> KafkaCluster:
    return KafkaCluster.model_validate({"bootstrapServers": "broker:9093", **fields})


@pytest.fixture
def not_pem(tmp_path: Path) -> Path:
    file = tmp_path / "not.pem"
    file.write_text("no certificate")
    return file


def test_a_string_is_bootstrap_servers_without_security() -> None:
    assert KafkaCluster.model_validate("one:9092,two:9092").connection() == {
        "bootstrap_servers": "one:9092,two:9092",
        "security_protocol": "PLAINTEXT",
    }


def test_a_password_reaches_every_client_and_no_text() -> None:
    secured = cluster(securityProtocol="SASL_PLAINTEXT", **SASL)
    assert secured.connection() == {
        "bootstrap_servers": "broker:9093",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "ann",
        "sasl_plain_password": "hunter2",
    }
    assert "hunter2" not in f"{secured!r} {secured} {secured.model_dump_json()}"


def test_tls_trusts_the_systems_authorities_and_checks_the_hosts_name() -> None:
    context = cluster(securityProtocol="SSL").connection()["ssl_context"]
    assert context.check_hostname


@pytest.mark.parametrize(
    ("fields", "names", "message"),
    [
        (
            {"securityProtocol": "SASL_SSL", "username": "ann", "password": "x"},
            "saslMechanism",
            "SASL_SSL needs saslMechanism",
        ),
        ({"securityProtocol": "SASL_SSL", **SASL, "username": None}, "username", "SASL_SSL needs username"),
        ({"securityProtocol": "SASL_PLAINTEXT", **SASL, "password": None}, "password", "SASL_PLAINTEXT needs password"),
        ({"securityProtocol": "SASL_PLAINTEXT", **SASL, "password": ""}, "password", "at least 1"),
        ({"securityProtocol": "SSL", "username": "ann"}, "username", "SSL does not use username"),
        ({"password": "hunter2"}, "password", "PLAINTEXT does not use password"),
        ({"caFile": __file__}, "caFile", "PLAINTEXT does not use caFile"),
        ({"securityProtocol": "SSL", "caFile": "/nowhere/ca.pem"}, "caFile", "not point to a file"),
        ({"securityProtocol": "SSL", "keyFile": __file__}, "keyFile", "keyFile needs certFile"),
        ({"securityProtocol": "TLS"}, "securityProtocol", "'SSL'"),
        ({"securityProtocol": "SASL_SSL", **SASL, "saslMechanism": "GSSAPI"}, "saslMechanism", "'SCRAM-SHA-512'"),
        ({"bootstrapServers": ""}, "bootstrapServers", "at least 1"),
        ({"sslCaFile": __file__}, "sslCaFile", "not permitted"),
    ],
)
def test_fields_that_contradict_each_other_are_refused_by_name(
    fields: dict[str, object], names: str, message: str
) -> None:
    with pytest.raises(ValidationError, match=message) as refused:
        cluster(**fields)
    assert [to_camel(str(error["loc"][0])) for error in refused.value.errors()] == [names]
    assert "hunter2" not in str(refused.value)


def test_files_without_certificates_are_refused(not_pem: Path) -> None:
    with pytest.raises(ValidationError, match="caFile cannot be used"):
        cluster(securityProtocol="SSL", caFile=not_pem)
    with pytest.raises(ValidationError, match="certFile and keyFile cannot be used"):
        cluster(securityProtocol="SSL", certFile=not_pem)


def test_the_environment_names_clusters_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    secured = {"bootstrapServers": "far:9093", "securityProtocol": "SASL_PLAINTEXT", **SASL}
    monkeypatch.setenv("KAFKA_CLUSTERS", json.dumps({"near": "near:9092", "far": secured}))
    clusters = Settings().kafka_clusters
    assert clusters["near"].bootstrap_servers == "near:9092"
    assert clusters["far"].username == "ann"


def test_a_wrong_setting_is_reported_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"bootstrapServers": "far:9093", **SASL}
    monkeypatch.setenv("KAFKA_CLUSTERS", json.dumps({"far": wrong}))
    with pytest.raises(ValidationError, match=r"kafka_clusters\.far\.password") as refused:
        Settings()
    assert "hunter2" not in str(refused.value)
