"""A container of docker-compose.yml, as a process of this machine."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

from devstack.child import Probe, Spec
from devstack.ports import HOST
from devstack.probes import listens
from tests.compose import ROOT, SERVICES, environment_of, interpolated, is_one_shot, stop_grace
from tests.production.replacements import ALL_INTERFACES, Replacements, ports_in

READY_WITHIN = timedelta(minutes=5)
"""Several start at the same time, and the machine may be busy."""
_ENTRY = {"temporal": ["temporal-server", "start"]}
"""What an image runs by itself, where docker-compose.yml names no command."""
_WORK_IN = {"temporal": "/etc/temporal"}
"""The folder in which an image works. Ours work in this repository."""
_CHECKED_OTHERWISE = {"temporal": 7233}
"""Its check is `nc`, which not every machine has: here the same port is connected to."""
_OF_THE_TEST = {"./deploy/keys"}
"""What is not mounted, since it has the secrets of whoever runs the tests."""


class Container:
    """Makes the mounts. `given` is what `.env` has, `image` are the variables that the image sets."""

    def __init__(
        self, service: str, given: Mapping[str, str], replacements: Replacements, image: Mapping[str, str]
    ) -> None:
        self._service = service
        self._replacements = replacements
        self._given = given
        home = replacements.path("/home")
        home.mkdir(parents=True, exist_ok=True)
        ours = replacements.variables(environment_of(service, given))
        self.environment = {"HOME": str(home), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **image, **ours}
        for volume in SERVICES[service].get("volumes", []):
            source, target, *_ = interpolated(volume, given).split(":")
            if source.startswith(".") and source not in _OF_THE_TEST:
                self._mount(ROOT / source, replacements.path(target))

    def spec(self, name: str) -> Spec:
        """How the supervisor runs it."""
        command = self._replaced(SERVICES[self._service].get("command") or _ENTRY[self._service])
        work_in = self._replacements.path(_WORK_IN[self._service]) if self._service in _WORK_IN else ROOT
        return Spec(
            name,
            lambda: command,
            self.environment,
            work_in,
            ready=None if is_one_shot(self._service) else self._check(),
            ready_within=READY_WITHIN,
            stop_within=stop_grace(self._service),
        )

    async def is_healthy(self) -> bool:
        """Run the container's health check."""
        kind, *check = SERVICES[self._service]["healthcheck"]["test"]
        assert kind == "CMD", check
        silent = asyncio.subprocess.DEVNULL
        command = self._replaced(check)
        process = await asyncio.create_subprocess_exec(*command, env=self.environment, stdout=silent, stderr=silent)
        return await process.wait() == 0

    def execute(self, command: Sequence[str], given: str = "", user: str | None = None) -> str:
        """Run a program, mounted or not, with `given` as its input. Return all that it says.

        Raises `CalledProcessError`.
        """
        program, *arguments = command
        mounted = self._replacements.path(f"/usr/local/bin/{program}")
        texts = [str(mounted) if mounted.exists() else program, *map(self._replacements.text, arguments)]
        said, both = subprocess.PIPE, subprocess.STDOUT
        return subprocess.run(
            texts,
            env=self.environment,
            cwd=self._replacements.folder,
            input=given,
            check=True,
            text=True,
            stdout=said,
            stderr=both,
            user=user,
        ).stdout

    def _check(self) -> Probe:
        if port := _CHECKED_OTHERWISE.get(self._service):
            return partial(listens, self._replacements.address(port))
        return self.is_healthy

    def _replaced(self, command: list[str]) -> list[str]:
        texts = [self._replacements.text(interpolated(text, self._given)) for text in command]
        return [sys.executable, *texts[1:]] if texts[0] == "python" else texts

    def _mount(self, source: Path, target: Path) -> None:
        """Scripts are copied, since they name addresses and paths; any other file is the one of this repository."""
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            for file in source.iterdir():
                self._mount(file, target / file.name)
        elif source.suffix == ".sh":
            target.write_text(self._replacements.text(source.read_text()))
            target.chmod(0o755)
        else:
            target.symlink_to(source)


def own_ports(service: str) -> set[int]:
    """The ports on which each container of a service listens, and no other service: those that its health check asks in
    the container itself, and those of all interfaces.
    """
    values = [*SERVICES[service]["environment"].values(), *SERVICES[service].get("healthcheck", {}).get("test", [])]
    return {port for value in values for port in ports_in(value, of={ALL_INTERFACES, HOST})}


def search_path(*folders: Path) -> str:
    return os.pathsep.join([*map(str, folders), str(Path(sys.executable).parent), os.environ["PATH"]])
