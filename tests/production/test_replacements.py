"""Addresses and paths of containers become those of this machine, and nothing else changes."""

from pathlib import Path

import pytest

from tests.compose import ROOT, SERVICES, environment_of
from tests.production.replacements import Replacements, ports_in
from tests.production.stack import settings_with

FOLDER = Path("/folder")
NAMED = sorted(ports_in((ROOT / "docker-compose.yml").read_text()))
REPLACED = Replacements({port: 20_000 + number for number, port in enumerate(NAMED)}, FOLDER)


def at(port: int) -> str:
    return f"127.0.0.1:{REPLACED.ports[port]}"


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("broker:29092", at(29092)),
        ("INSIDE://:29092,OUTSIDE://:9092", f"INSIDE://{at(29092)},OUTSIDE://{at(9092)}"),
        ("1@broker:9093", f"1@{at(9093)}"),
        ("</dev/tcp/broker/29092", f"</dev/tcp/127.0.0.1/{REPLACED.ports[29092]}"),
        ("0.0.0.0:9464", at(9464)),
        ("http://localhost:8080/ready", f"http://{at(8080)}/ready"),
        ("postgresql+asyncpg://patterns:a@postgresql:5432/p", f"postgresql+asyncpg://patterns:a@{at(5432)}/p"),
        ("broker:1", "broker:1"),
        ("/opt/kafka/bin/kafka-topics.sh", "/folder/opt/kafka/bin/kafka-topics.sh"),
        ("/home/me/opt/kafka", "/home/me/opt/kafka"),
    ],
)
def test_an_address_or_a_path_in_a_text(text: str, replaced: str) -> None:
    assert REPLACED.text(text) == replaced


def test_names_and_ports_that_stand_alone() -> None:
    given = {"SEEDS": "postgresql", "USER": "temporal", "PORT": "5432", "SHARDS": "64", "BIND_ON_IP": "0.0.0.0"}
    assert REPLACED.variables(given) == {
        "SEEDS": "127.0.0.1",
        "USER": "temporal",
        "PORT": str(REPLACED.ports[5432]),
        "SHARDS": "64",
        "BIND_ON_IP": "127.0.0.1",
    }


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_no_variable_of_a_service_leads_to_another_machine(service: str) -> None:
    variables = REPLACED.variables(environment_of(service, settings_with()))
    assert ports_in(" ".join(variables.values())) <= set(REPLACED.ports.values())
