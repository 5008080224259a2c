"""The Helm chart as Kubernetes gets it: `helm template`, read back."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.chart_schema import CHART

ROOT = Path(__file__).parents[2]
VALUES: dict[str, list[Path]] = {
    "defaults": [],
    **{file.stem: [file] for file in sorted((CHART / "examples").glob("*.yaml"))},
}
"""Sets of values by name: the defaults, and each example."""
TEMPLATE = ("template", "patterns", CHART, "--kube-version", "1.37.0")
"""Without a version a helm that was built from source takes the oldest one."""
Manifest = dict[str, Any]


def program(variable: str) -> str:
    """A program of `make chart`, which names it in this variable. Skips the test otherwise."""
    given = os.environ.get(variable)
    if not given:
        pytest.skip("`make chart` runs this test, with the programs that it needs")
    return given


def run_helm(*arguments: str | Path, values: Sequence[Path] = ()) -> subprocess.CompletedProcess[str]:
    """Run it without a cluster: nothing of this machine's configuration counts."""
    files = [argument for file in values for argument in ("--values", file)]
    environment = {"PATH": os.environ["PATH"], "KUBECONFIG": os.devnull, "HOME": "/nonexistent"}
    return subprocess.run(
        [program("HELM"), *arguments, *files], env=environment, capture_output=True, text=True, check=False
    )


def render(values: Sequence[Path] = (), *, json: Mapping[str, str] | None = None) -> "Rendered":
    """Render with the values of these files, and `--set-json` for each of `json`."""
    sets = [argument for name, text in (json or {}).items() for argument in ("--set-json", f"{name}={text}")]
    done = run_helm(*TEMPLATE, "--namespace", "shop", *sets, values=values)
    assert done.returncode == 0, done.stderr
    return Rendered([document for document in yaml.safe_load_all(done.stdout) if document])


def refusal(values: Sequence[Path] = (), *, json: Mapping[str, str]) -> str:
    """Why values are refused."""
    sets = [argument for name, text in json.items() for argument in ("--set-json", f"{name}={text}")]
    done = run_helm(*TEMPLATE, *sets, values=values)
    assert done.returncode != 0, done.stdout
    return done.stderr


@dataclass(frozen=True)
class Rendered:
    manifests: list[Manifest]

    def of_kind(self, kind: str) -> dict[str, Manifest]:
        return {each["metadata"]["name"]: each for each in self.manifests if each["kind"] == kind}

    @cached_property
    def processes(self) -> dict[str, "Process"]:
        """What runs, by the name of its Deployment or Job."""
        return {
            name: Process(name, manifest)
            for kind in ("Deployment", "Job")
            for name, manifest in self.of_kind(kind).items()
        }

    @property
    def gateway(self) -> "Process":
        [found] = [each for each in self.processes.values() if each.component == "gateway"]
        return found

    @property
    def workers(self) -> list["Process"]:
        return [each for each in self.processes.values() if each.component == "workers"]


@dataclass(frozen=True)
class Process:
    """A Deployment or a Job, which has one container."""

    name: str
    manifest: Manifest

    @property
    def pod(self) -> Manifest:
        spec: Manifest = self.manifest["spec"]["template"]["spec"]
        return spec

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.manifest["spec"]["template"]["metadata"]["labels"]
        return labels

    @property
    def component(self) -> str:
        return self.labels["app.kubernetes.io/component"]

    @property
    def container(self) -> Manifest:
        [container] = self.pod["containers"]
        found: Manifest = container
        return found

    @property
    def command(self) -> list[str]:
        command: list[str] = self.container["command"]
        return command

    @property
    def settings(self) -> dict[str, str]:
        """The variables that have a value in the manifest."""
        return {each["name"]: each["value"] for each in self.container["env"] if "value" in each}

    @property
    def secrets(self) -> dict[str, Manifest]:
        """The variables that a Secret has."""
        return {
            each["name"]: each["valueFrom"]["secretKeyRef"] for each in self.container["env"] if "valueFrom" in each
        }

    @property
    def folders(self) -> dict[str, str]:
        """The Secrets that are mounted, by the folder."""
        secrets = {each["name"]: each["secret"]["secretName"] for each in self.pod["volumes"] if "secret" in each}
        return {
            mount["mountPath"]: secrets[mount["name"]]
            for mount in self.container["volumeMounts"]
            if mount["name"] in secrets
        }

    @property
    def probes(self) -> list[Manifest]:
        return [probe["httpGet"] for name, probe in self.container.items() if name.endswith("Probe")]

    def port(self, name: str) -> int:
        [found] = [each["containerPort"] for each in self.container["ports"] if each["name"] == name]
        return int(found)

    def is_selected_by(self, selector: Mapping[str, Any]) -> bool:
        wanted: Mapping[str, str] = selector["matchLabels"]
        return wanted.items() <= self.labels.items()
