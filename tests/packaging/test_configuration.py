"""docs/configuration.md says what the settings are today, and Temporal's variables are those that its SDK reads."""

import re
from pathlib import Path

import pytest
from temporalio.envconfig import ClientConfigProfile

from infra.settings import Settings
from tests.packaging import configuration
from tests.packaging.configuration import FIELDS, FILE, GROUPS, TEMPORAL_VARIABLES, group_of
from tests.packaging.setting_readers import readers

PAGE = FILE.read_text()


def entry(setting: str) -> str:
    return PAGE.partition(f"### {setting}\n\n")[2].partition("\n## ")[0].partition("\n### ")[0]


def test_it_is_up_to_date() -> None:
    assert configuration.text() == PAGE, "run `make env`"


def test_it_has_every_setting_once_in_one_group() -> None:
    assert sorted(re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)) == sorted(FIELDS)
    assert {group_of(name) for name in FIELDS} == set(GROUPS)


@pytest.mark.parametrize("setting", FIELDS)
def test_every_setting_is_read_by_a_process(setting: str) -> None:
    assert readers(setting.lower()), f"nothing reads {setting}"


@pytest.mark.parametrize(
    ("setting", "expected"),
    {
        "database_url": ("gateway", "workers", "migrations"),
        "log_format": ("gateway", "workers", "migrations"),
        "database_timeout": ("gateway", "workers"),  # through a property
        "reminders": ("gateway", "workers"),
        "payload_keys": ("gateway", "workers"),  # through a private function of infra
        "card_token_key": ("gateway",),  # in a module that workers import for something else
        "jwt_issuer": ("gateway",),
        "http_task_secrets": ("workers",),
        "smtp_url": ("workers",),
    }.items(),
)
def test_who_reads_a_setting_is_found_in_the_code(setting: str, expected: tuple[str, ...]) -> None:
    assert readers(setting) == expected


def test_types_units_and_bounds_are_those_of_the_settings() -> None:
    assert entry("GATEWAY_PORT").startswith(
        "whole number, at least 0, at most 65,535 · default `8080` · read by gateway"
    )
    assert entry("CALLER_RATE").startswith("whole number, at least 0 · default none")
    assert entry("HTTP_TASK_TIMEOUT").startswith("duration, more than 0, at most 9m · default `30s` · read by workers")
    assert entry("MAX_BODY_BYTES").startswith("bytes, more than 0 · default `1048576`")
    assert entry("LOG_FORMAT").startswith("`text` or `json` · default `text`")
    assert entry("CARD_TOKEN_KEY").startswith("secret · default none · read by gateway\n")


def test_no_default_of_a_secret_is_shown() -> None:
    secrets = [name for name, field in FIELDS.items() if "Secret" in str(field.annotation)]
    assert "CARD_TOKEN_KEY" in secrets
    for name in secrets:
        assert re.search(r"default (none|`\{\}`) ", entry(name)), name


def test_the_sdk_reads_the_variables_that_the_page_names(tmp_path: Path) -> None:
    values = {
        "TEMPORAL_ADDRESS": "temporal.example:7233",
        "TEMPORAL_NAMESPACE": "orders",
        "TEMPORAL_API_KEY": "a-key",
        "TEMPORAL_TLS": "true",
        "TEMPORAL_TLS_CLIENT_CERT_PATH": "/certificate.pem",
        "TEMPORAL_TLS_CLIENT_KEY_PATH": "/key.pem",
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": "/authorities.pem",
        "TEMPORAL_TLS_SERVER_NAME": "inner.example",
    }
    assert TEMPORAL_VARIABLES.keys() == {*values, "TEMPORAL_CONFIG_FILE", "TEMPORAL_PROFILE"}
    read = ClientConfigProfile.load(disable_file=True, override_env_vars=values)
    assert read.tls is not None
    assert read.tls.disabled is False
    shown = str(read)
    for name in values.keys() - {"TEMPORAL_TLS"}:
        assert values[name] in shown, name

    file = tmp_path / "profiles.toml"
    file.write_text('[profile.eu]\naddress = "eu.example:7233"\n')
    profile = {"TEMPORAL_CONFIG_FILE": str(file), "TEMPORAL_PROFILE": "eu"}
    assert ClientConfigProfile.load(override_env_vars=profile).address == "eu.example:7233"


def test_an_empty_value_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FIELDS:
        monkeypatch.delenv(name, raising=False)
    defaults = Settings()
    for name in FIELDS:
        monkeypatch.setenv(name, "")
    assert Settings() == defaults
