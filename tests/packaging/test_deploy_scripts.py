"""The scripts that docker-compose.yml mounts."""

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
