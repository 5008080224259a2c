""".env.example says what the settings are today."""

import re

import pytest

from infra.settings import Settings
from tests.packaging import env_example
from tests.packaging.env_example import EXAMPLES, FILE, INTERPOLATED, OF_COMPOSE_ALONE, REQUIRED

SETTINGS = {name.upper() for name in Settings.model_fields}
LINES = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", FILE.read_text(), re.MULTILINE))


def test_it_is_up_to_date() -> None:
    assert FILE.read_text() == env_example.text(), "run `make env`"


def test_it_has_every_setting_and_every_variable_of_compose_once() -> None:
    assert LINES.keys() == SETTINGS | INTERPOLATED.keys()
    assert OF_COMPOSE_ALONE.keys() == INTERPOLATED.keys() - SETTINGS


def test_its_values_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LINES.keys() & SETTINGS:
        monkeypatch.delenv(name, raising=False)
    defaults = Settings()
    for name in LINES.keys() & SETTINGS:
        monkeypatch.setenv(name, LINES[name].strip("'"))
    assert Settings() == defaults


def test_a_copy_sets_only_what_must_be_set_and_compose_stops_until_it_is() -> None:
    assert set(re.findall(r"^([A-Z_]+)=$", FILE.read_text(), re.MULTILINE)) == REQUIRED == EXAMPLES.keys()
    assert not re.search(r"^[A-Z_]+=.", FILE.read_text(), re.MULTILINE)


def test_no_secret_has_a_value() -> None:
    secrets = {name.upper() for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)}
    assert secrets >= {"CARD_TOKEN_KEY", "PAYLOAD_KEYS", "STRIPE_WEBHOOK_SECRET"}
    assert {LINES[name] for name in secrets} <= {"", "'{}'"}
