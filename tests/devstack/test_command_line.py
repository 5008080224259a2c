import socket
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.ports import HOST

ROOT = Path(__file__).parents[2]


def devstack(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devstack", *arguments],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_help_names_every_option() -> None:
    help_text = devstack("up", "--help").stdout
    for option in (
        "--data",
        "--temporal-port",
        "--ui-port",
        "--broker-port",
        "--broker ",
        "--gateway-port",
        "GATEWAY_PORT",
    ):
        assert option in help_text
    assert "--keep" in devstack("demo", "--help").stdout


def test_a_taken_port_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = str(listener.getsockname()[1])
        result = devstack("up", "--data", str(tmp_path), "--temporal-port", port)
    assert result.returncode == 1
    assert result.stderr.startswith(f"Port {port} (temporal) is taken")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_no_broker_and_no_cluster_is_one_line_and_exit_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_CLUSTERS", raising=False)
    monkeypatch.setenv("BROKER", "none")
    result = devstack("up", "--data", str(tmp_path / "data"))
    assert result.returncode == 1
    assert result.stderr.startswith("BROKER=none starts no broker, and KAFKA_CLUSTERS names no cluster.")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_broker_of_another_kind_is_refused() -> None:
    result = devstack("up", "--broker", "kafka")
    assert result.returncode == 2
    assert "'kafka' is not `embedded` or `none`" in result.stderr


@pytest.mark.parametrize("text", ["eighty", "٨٠٨٠", "+8080", " 8080", "65536"])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    result = devstack("up", "--gateway-port", text)
    assert result.returncode == 2
    assert f"{text!r} is not a port" in result.stderr
