"""The environment is read as strictly as a request."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from infra.settings import Settings, load_settings

NOT_DURATIONS = ("10", "1.5s", " 10s", "-1s", "P1M", "P1Y", "P", "PT", "PT1S5M", "PT1M1M", "-PT1S", "٣s", "367d")
NOT_NUMBERS = (" 5", "+5", "5.0", "5e0", "05", "1_0", "٥", "true", "0x5", "9" * 30)


def variables(default: type) -> list[str]:
    def has_it(field: FieldInfo) -> bool:
        return type(field.get_default()) is default

    return [name for name, field in Settings.model_fields.items() if has_it(field)]


@pytest.mark.parametrize("text", NOT_DURATIONS)
def test_a_duration_is_one(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    every_one_is_refused(variables(timedelta), text, monkeypatch)


@pytest.mark.parametrize("text", ["90s", "PT1M30S"])
def test_a_duration_has_its_unit_or_is_written_as_in_iso_8601(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    durations = dict.fromkeys(variables(timedelta), text)
    assert load_settings_with(durations, monkeypatch) == dict.fromkeys(durations, timedelta(seconds=90))


@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_a_number_is_digits(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    every_one_is_refused(variables(int), text, monkeypatch)


def test_every_number_can_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {name: Settings.model_fields[name].get_default() + 1 for name in variables(int)}
    assert load_settings_with(others, monkeypatch) == others


def load_settings_with(values: Mapping[str, object], monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the settings of these names are once the environment has the values."""
    for name, value in values.items():
        monkeypatch.setenv(name.upper(), str(value))
    settings = load_settings()
    return {name: getattr(settings, name) for name in values}


def every_one_is_refused(names: list[str], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One message names them all; another environment for each would be hundreds."""
    with pytest.raises(SystemExit) as ended:
        load_settings_with(dict.fromkeys(names, text), monkeypatch)
    assert [line.partition(": ")[0] for line in str(ended.value).splitlines()] == [name.upper() for name in names]


def test_a_limit_of_a_plan_is_known_at_the_start() -> None:
    with pytest.raises(ValidationError, match="reminders"):
        Settings(reminders=0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HTTP_TASK_ALLOWED_HOSTS", '["https://example.com"]'),
        ("HTTP_TASK_ALLOWED_HOSTS", '["*.example.com"]'),
        ("HTTP_TASK_ALLOWED_NETWORKS", '["10.0.0.1/8"]'),
        ("HTTP_TASK_SECRETS", '{"TOKEN": "s3cr3t"}'),
        ("HTTP_TASK_SECRETS", '{"TOKEN": {"value": "s3cr3t"}}'),
        ("HTTP_TASK_SECRETS", '{"TOKEN": {"hosts": ["a"], "value": "s3cr3t", "file": "/s3cr3t"}}'),
        ("HTTP_TASK_SECRETS", '{"TOKEN": {"hosts": ["a"], "value": "s3cr3t"'),
        ("HTTP_TASK_TIMEOUT", "0s"),
        ("HTTP_TASK_TIMEOUT", "10m"),
    ],
)
def test_a_wrong_setting_of_requests_is_named_and_its_secrets_are_not_repeated(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(SystemExit, match=f"(?i){name}") as ended:
        load_settings()
    assert "s3cr3t" not in str(ended.value)


def test_secrets_are_not_part_of_how_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_TASK_SECRETS", '{"TOKEN": {"hosts": ["a:80"], "value": "s3cr3t"}}')
    settings = load_settings()
    assert "s3cr3t" not in repr(settings)
    assert settings.http_task_secrets["TOKEN"].read() == "s3cr3t"
