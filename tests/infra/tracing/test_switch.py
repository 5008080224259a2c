"""Tracing is on if the environment names a collector; else none of it is loaded."""

import socket
import subprocess
import sys

import pytest

from domain.traces import Cause
from infra.tracing import sdk, spans
from infra.tracing.process import CannotTrace, is_on, traced

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "true"}, False),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
    ],
)
def test_an_endpoint_switches_tracing_on(environment: dict[str, str], on: bool) -> None:
    assert is_on(environment) is on


@pytest.mark.parametrize(
    "environment",
    [{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {"OTEL_TRACES_EXPORTER": "zipkin"}],
)
def test_what_is_not_supported_is_refused_by_name(environment: dict[str, str]) -> None:
    with pytest.raises(CannotTrace, match=next(iter(environment))):
        is_on(ENDPOINT | environment)


@pytest.mark.parametrize(("module", "loaded"), [("workers.__main__", set()), ("api.__main__", {"opentelemetry"})])
def test_without_a_collector_the_sdk_is_not_loaded(module: str, loaded: set[str]) -> None:
    """FastAPI loads OpenTelemetry's API, of which nothing is used."""
    program = f"import sys, {module}; print(*sorted(n for n in sys.modules if n.startswith('opentelemetry')))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {name.partition(".")[0] for name in printed} == loaded
    assert not [name for name in printed if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]


def test_without_a_collector_there_are_no_interceptors_and_no_spans() -> None:
    assert spans.interceptors() == []
    assert not any(spans.fastapi().values())
    with spans.span("a", "CLIENT", Cause()) as one, spans.span("b", "CLIENT") as other:
        assert spans.current() is None
    assert one is other


def test_a_process_ends_without_waiting_for_a_collector_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
        monkeypatch.setattr(sdk, "LAST_SPANS_SECONDS", 0.1)
        with traced("test"), spans.span("a", "CLIENT"):
            pass
    assert "the last spans are lost: the collector does not take them" in caplog.messages
    assert not spans.is_on()
