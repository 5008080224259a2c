"""TLS and SASL, for every client that a subscription makes: admin, consumer, producer of dead letters."""

import pytest

from devstack.ports import HOST
from domain.subscription import UnknownSource
from infra.kafka.clusters import KafkaClusters
from infra.kafka.connection import KafkaCluster
from infra.kafka.deadlines import KafkaUnreachable
from tests.brokers.apache import PASSWORD, USER, ApacheKafka
from tests.brokers.fixtures import Topics, subscription
from tests.workers.kafka.consuming import consuming, post
from tests.workers.kafka.fakes import RecordingSink

MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@pytest.fixture(scope="session")
def apache_broker(apache_kafka: ApacheKafka) -> str:
    """One broker is enough: who may connect does not depend on its other settings."""
    return apache_kafka.address


def sasl(mechanism: str, password: str = PASSWORD) -> dict[str, str]:
    return {"saslMechanism": mechanism, "username": USER, "password": password}


def over_sasl(kafka: ApacheKafka, mechanism: str, password: str = PASSWORD) -> KafkaCluster:
    address = {"bootstrapServers": f"{HOST}:{kafka.ports.sasl}", "securityProtocol": "SASL_PLAINTEXT"}
    return KafkaCluster.model_validate(address | sasl(mechanism, password))


def over_sasl_and_tls(kafka: ApacheKafka, mechanism: str) -> KafkaCluster:
    address = {"bootstrapServers": f"{HOST}:{kafka.ports.sasl_tls}", "securityProtocol": "SASL_SSL"}
    return KafkaCluster.model_validate(address | sasl(mechanism) | {"caFile": kafka.folder / "ca.crt"})


def over_tls(kafka: ApacheKafka, own: str = "client", ca: str = "ca") -> KafkaCluster:
    files = {"certFile": f"{own}.crt", "keyFile": f"{own}.key", "caFile": f"{ca}.crt"}
    address = {"bootstrapServers": f"{HOST}:{kafka.ports.tls}", "securityProtocol": "SSL"}
    return KafkaCluster.model_validate(address | {field: kafka.folder / name for field, name in files.items()})


async def carries_records_and_dead_letters(cluster: KafkaCluster, topics: Topics) -> None:
    topic = await topics.make()
    await topics.write(topic, post("ann", "hello"), (b"ann", b"{poison"))
    sink = RecordingSink()
    async with consuming(cluster, subscription(topic), sink) as running:
        await running.committed(2)
        assert (running.progress.delivered, running.progress.dead_lettered) == (1, 1)
    assert sink.contents() == {"ann": ["hello"]}


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_records_and_dead_letters_pass_with_a_password(
    apache_kafka: ApacheKafka, apache_topics: Topics, mechanism: str
) -> None:
    await carries_records_and_dead_letters(over_sasl(apache_kafka, mechanism), apache_topics)


async def test_records_and_dead_letters_pass_over_tls_with_a_certificate(
    apache_kafka: ApacheKafka, apache_topics: Topics
) -> None:
    await carries_records_and_dead_letters(over_tls(apache_kafka), apache_topics)


async def test_records_and_dead_letters_pass_over_tls_with_a_password(
    apache_kafka: ApacheKafka, apache_topics: Topics
) -> None:
    await carries_records_and_dead_letters(over_sasl_and_tls(apache_kafka, "SCRAM-SHA-512"), apache_topics)


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_wrong_password_is_distinguished_from_an_outage(apache_kafka: ApacheKafka, mechanism: str) -> None:
    cluster = over_sasl(apache_kafka, mechanism, password="of another user")
    with pytest.raises(UnknownSource, match="'local' refuses access: SaslAuthenticationFailed") as refused:
        await KafkaClusters({"local": cluster}).topic("local", "posts")
    assert "another user" not in str(refused.value)


async def test_a_broker_without_a_certificate_of_a_trusted_authority_is_refused(apache_kafka: ApacheKafka) -> None:
    cluster = over_tls(apache_kafka, ca="stranger")
    with pytest.raises(KafkaUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
        await KafkaClusters({"local": cluster}).topic("local", "posts")


async def test_a_client_certificate_that_the_broker_does_not_trust_is_refused(apache_kafka: ApacheKafka) -> None:
    cluster = over_tls(apache_kafka, own="stranger")
    with pytest.raises(KafkaUnreachable, match="'local'"):
        await KafkaClusters({"local": cluster}).topic("local", "posts")
