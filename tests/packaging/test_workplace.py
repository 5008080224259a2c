"""What surrounds the code: continuous integration, hooks, the dev container."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import executable

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
MAKE_TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
TESTED: list[str] = JOBS["test"]["strategy"]["matrix"]["python"]
OLDEST, BEYOND = re.findall(r"3\.\d+", PYPROJECT["project"]["requires-python"])


def commands(job: str) -> list[str]:
    return [step["run"] for step in JOBS[job]["steps"] if "run" in step]


class TestContinuousIntegration:
    def test_a_linter_finds_no_error_in_the_workflow(self) -> None:
        subprocess.run([executable("actionlint"), ROOT / ".github/workflows/ci.yml"], check=True)

    def test_a_security_linter_finds_nothing_in_workflow_and_updates(self) -> None:
        environment = {"PATH": os.environ["PATH"], "ZIZMOR_OFFLINE": "true"}
        subprocess.run([executable("zizmor"), "--quiet", "--offline", ROOT], env=environment, check=True)

    def test_it_tests_every_supported_python(self) -> None:
        minors = [int(version.removeprefix("3.")) for version in TESTED]
        assert TESTED[0] == OLDEST
        assert minors == list(range(minors[0], int(BEYOND.removeprefix("3."))))

    def test_it_runs_the_commands_of_a_developer(self) -> None:
        assert commands("check") == ["make check"]
        assert commands("test")[-1] == "make test"
        for tried in ("test", "production"):
            assert "--no-install-recommends prometheus" in commands(tried)[0], "alerts are tried"
        assert commands("production")[-1] == "make production"
        assert JOBS["production"]["steps"][-1]["env"] == {
            "PRODUCTION": "required",
            "CHROMIUM": "/usr/bin/google-chrome",
        }
        assert "docker build --tag durable-patterns ." in commands("image")
        assert commands("chart") == ["make chart"]
        assert JOBS["chart"]["steps"][-1]["env"] == {"CHART": "required"}
        assert commands("advisories") == ["make sbom", "make advisories"]
        assert JOBS["advisories"]["steps"][-1]["env"] == {"ADVISORIES": "required"}

    def test_no_job_may_write_or_run_without_end(self) -> None:
        assert WORKFLOW["permissions"] == {"contents": "read"}
        for name, job in JOBS.items():
            assert "permissions" not in job, name
            assert job["timeout-minutes"] <= 60, name

    def test_updates_cover_every_file_with_versions(self) -> None:
        files = {
            "pip": "pyproject.toml",
            "github-actions": ".github/workflows/ci.yml",
            "docker": "Dockerfile",
            "docker-compose": "docker-compose.yml",
            "npm": "package.json",
        }
        updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
        assert {update["package-ecosystem"] for update in updates} == files.keys()
        for update in updates:
            folder = ROOT / update["directory"].removeprefix("/")
            assert (folder / files[update["package-ecosystem"]]).exists(), update


class TestPythons:
    def test_a_checkout_gets_the_oldest_supported_python(self) -> None:
        """Code that runs on it runs on the newer ones. Types and lint rules are checked for it too."""
        assert (ROOT / ".python-version").read_text() == f"{OLDEST}\n"
        assert PYPROJECT["tool"]["mypy"]["python_version"] == OLDEST
        assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{OLDEST.replace('.', '')}"

    def test_the_dev_container_has_the_python_of_the_image(self) -> None:
        container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
        version = re.fullmatch(r"python:(3\.\d+)-\w+", container["image"])
        assert version is not None
        assert f"FROM python:{version[1]}." in (ROOT / "Dockerfile").read_text()
        assert version[1] in TESTED


class TestDevContainer:
    CONTAINER = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())

    def test_it_is_made_by_make(self) -> None:
        program, target = self.CONTAINER["postCreateCommand"].split()
        assert program == "make"
        assert target in MAKE_TARGETS

    def test_an_editor_finds_the_python_that_make_installs(self) -> None:
        settings = self.CONTAINER["customizations"]["vscode"]["settings"]
        assert settings["python.defaultInterpreterPath"] == f"{self.CONTAINER['containerEnv']['VENV']}/bin/python"

    def test_the_ports_of_the_embedded_stack_are_forwarded(self) -> None:
        assert self.CONTAINER["forwardPorts"] == [8080, 8233, 9092]
        assert self.CONTAINER["portsAttributes"].keys() == {"8080", "8233", "9092"}


def test_hooks_are_make_targets() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        program, target = hook["entry"].split()
        assert program == "make"
        assert target in MAKE_TARGETS
