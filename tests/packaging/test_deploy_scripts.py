"""The scripts that docker-compose.yml mounts."""

import gzip
import os
import subprocess
from pathlib import Path

import pytest

from workflows.search_attributes import ALL

DEPLOY = Path(__file__).parents[2] / "deploy"
SCRIPTS = sorted(DEPLOY.rglob("*.sh"))


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """A folder for PATH whose `temporal` and `temporal-sql-tool` note their arguments in `calls`."""
    for name in ("temporal", "temporal-sql-tool"):
        tool = tmp_path / name
        tool.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\ncase "$*" in *"$FAILING"*) exit 1 ;; esac\n')
        tool.chmod(0o755)
    return tmp_path


def run(script: str, recorder: Path, failing: str = "nothing of the kind") -> list[str]:
    environment = {
        "PATH": f"{recorder}{os.pathsep}{os.environ['PATH']}",
        "FAILING": failing,
        "TEMPORAL_NAMESPACE": "default",
        "RETENTION": "7d",
    }
    subprocess.run(["sh", str(DEPLOY / script)], env=environment, check=True)
    return (recorder / "calls").read_text().splitlines()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_parses_and_may_be_executed(script: Path) -> None:
    shell = script.read_text().splitlines()[0].removeprefix("#!")
    subprocess.run([shell, "-n", str(script)], check=True)
    assert os.access(script, os.X_OK)


def test_a_missing_namespace_is_created_with_its_retention(recorder: Path) -> None:
    calls = run("temporal/namespace.sh", recorder, failing="namespace describe")
    assert "operator namespace create --namespace default --retention 7d" in calls


def test_a_namespace_that_exists_is_not_created_again(recorder: Path) -> None:
    calls = run("temporal/namespace.sh", recorder)
    assert not [call for call in calls if "namespace create" in call]
    assert "operator namespace update --namespace default --retention 7d" in calls


def test_every_search_attribute_of_the_workflows_is_registered(recorder: Path) -> None:
    registration = run("temporal/namespace.sh", recorder)[-1]
    for attribute in ALL:
        assert f"--name {attribute.name} --type Keyword" in registration


def test_both_schemas_are_brought_up_to_date(recorder: Path) -> None:
    updates = [call for call in run("temporal/schema.sh", recorder) if "update-schema" in call]
    assert [call.split()[1] for call in updates] == ["temporal", "temporal_visibility"]


class TestBackups:
    """tests/production/test_backup.py runs them on a PostgreSQL."""

    def run(self, script: str, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        text = (DEPLOY / "postgres" / script).read_text().replace("/backups", f"{folder}/backups")
        environment = {**os.environ, "PGDATA": f"{folder}/data"}
        return subprocess.run(
            ["sh", "-c", text, script, *arguments],
            env=environment,
            cwd=folder,
            check=False,
            capture_output=True,
            text=True,
        )

    def test_a_segment_is_archived_once_and_may_be_archived_again(self, tmp_path: Path) -> None:
        segment = tmp_path / "segment"
        segment.write_bytes(b"of the log" * 1000)
        for _ in range(2):  # PostgreSQL may not have learned of the first success
            assert self.run("archive.sh", tmp_path, "segment", "0001").returncode == 0
        [kept] = (tmp_path / "backups/wal").iterdir()
        assert kept.name == "0001.gz"
        assert gzip.decompress(kept.read_bytes()) == segment.read_bytes()

    def test_a_segment_of_another_server_is_not_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "segment").write_bytes(b"first")
        assert self.run("archive.sh", tmp_path, "segment", "0001").returncode == 0
        (tmp_path / "segment").write_bytes(b"second")
        assert self.run("archive.sh", tmp_path, "segment", "0001").returncode != 0
        assert gzip.decompress((tmp_path / "backups/wal/0001.gz").read_bytes()) == b"first"

    def test_nothing_is_restored_over_data(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data/PG_VERSION").write_text("17")
        done = self.run("restore.sh", tmp_path, "a-backup")
        assert done.returncode == 1
        assert "is not empty" in done.stderr
        assert [file.name for file in (tmp_path / "data").iterdir()] == ["PG_VERSION"]

    @pytest.mark.parametrize("command", ["sh /deploy/backup.sh", "sh /deploy/restore.sh"])
    def test_the_page_has_their_commands(self, command: str) -> None:
        assert command in (DEPLOY.parent / "docs/backup.md").read_text()
