"""Temporal's settings are checked as a process starts, also those that the SDK would refuse only with a call."""

import pytest

from infra.payload_keys import KeyRing
from infra.temporal import connect_gateway


@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        "a b:7233",
        "host:",
        "host:port",
        ":7233",
        "http://host:7233",
        "host:7233/",
        "h\u00f6st:7233",
        "xn--\u00e4:1",
    ],
)
async def test_an_address_is_a_host_and_a_port(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    with pytest.raises(SystemExit, match=r"Temporal's settings cannot be used: the address .* is not host:port"):
        await connect_gateway(1024, KeyRing())


async def test_a_host_can_be_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "xn--a:7233")
    with pytest.raises(SystemExit, match="Temporal's settings cannot be used: "):
        await connect_gateway(1024, KeyRing())


@pytest.mark.parametrize(
    "address",
    ["localhost:7233", "127.0.0.1:7233", "[::1]:7233", "my_temporal.svc.cluster.local:7233", "a.b.tmprl.cloud:443"],
)
async def test_hosts_of_all_kinds_are_taken(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    assert (await connect_gateway(1024, KeyRing())).service_client.config.target_host == address


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"TEMPORAL_API_KEY": "two\nlines"}, "the API key has a line break"),
        ({"TEMPORAL_API_KEY": "\u00e4"}, "the API key has a line break, or another character"),
        ({"TEMPORAL_TLS": "true", "TEMPORAL_TLS_CLIENT_CERT_DATA": "a"}, "a certificate and its key go together"),
        ({"TEMPORAL_TLS": "true", "TEMPORAL_TLS_CLIENT_KEY_DATA": "a"}, "a certificate and its key go together"),
        ({"TEMPORAL_TLS_SERVER_CA_CERT_PATH": "/no/file"}, "No such file"),
    ],
)
async def test_what_cannot_be_sent_or_used_is_named_and_not_repeated(
    variables: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=reason) as ended:
        await connect_gateway(1024, KeyRing())
    assert "\n" not in str(ended.value)
    assert "\u00e4" not in str(ended.value)
