"""The environment is read as strictly as a request."""

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


@pytest.mark.parametrize("name", variables(timedelta))
def test_a_duration_is_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in NOT_DURATIONS:
        refused(name, text, monkeypatch)
    for text in ("90s", "PT1M30S"):
        monkeypatch.setenv(name.upper(), text)
        assert getattr(load_settings(), name) == timedelta(seconds=90)


@pytest.mark.parametrize("name", variables(int))
def test_a_number_is_digits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in NOT_NUMBERS:
        refused(name, text, monkeypatch)
    another = Settings.model_fields[name].get_default() + 1
    monkeypatch.setenv(name.upper(), str(another))
    assert getattr(load_settings(), name) == another


def refused(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name.upper(), text)
    with pytest.raises(SystemExit) as ended:
        load_settings()
    assert str(ended.value).startswith(f"{name.upper()}: "), text


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
