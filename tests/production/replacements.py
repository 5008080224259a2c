"""What differs from docker-compose.yml where there are no containers; everything else is as the file says.

- Containers reach each other by their services' names. Here all listen on 127.0.0.1: `broker:29092`, `localhost:9092`
  and `0.0.0.0:9464` become 127.0.0.1 with a free port, as do the names and ports that stand alone.
- Containers have file systems of their own. Here each has a folder, and absolute paths become paths in it.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from devstack.ports import HOST, claim_ports
from tests.compose import ROOT, SERVICES

ALL_INTERFACES = "0.0.0.0"
_NAMES = (*SERVICES, "localhost", HOST, ALL_INTERFACES)
_ALONE = {"postgresql", ALL_INTERFACES}
"""Names that are the whole value of a variable. `temporal` is one too, but of a user."""
_PATHS = (
    "/backups",
    "/deploy/",
    "/etc/durable-patterns",
    "/etc/kafka",
    "/etc/temporal",
    "/mnt/shared",
    "/opt/kafka",
    "/var/lib/kafka",
    "/var/lib/postgresql",
)

_ADDRESS = re.compile(
    rf"(?P<name>(?<=//)|\b(?:{'|'.join(map(re.escape, _NAMES))})\b)(?P<separator>[:/])(?P<port>\d+)\b"
)
_PATH = re.compile(rf"(?<![\w/.])(?={'|'.join(_PATHS)})")


def ports_in(text: str, of: Collection[str] | None = None) -> set[int]:
    """The ports in a text that stand after a name; `of` says after which ones."""
    return {int(match["port"]) for match in _ADDRESS.finditer(text) if of is None or match["name"] in of}


@dataclass(frozen=True)
class Replacements:
    """A free port for each that docker-compose.yml names, and the folder that stands for a container's file system."""

    ports: Mapping[int, int]
    folder: Path

    @classmethod
    def choose(cls, folder: Path) -> Self:
        named = sorted(ports_in((ROOT / "docker-compose.yml").read_text()))
        return cls(dict(zip(named, claim_ports(len(named)), strict=True)), folder)

    def of(self, container: str) -> Self:
        """Those of one container."""
        return replace(self, folder=self.folder / container)

    def at(self, folder: Path) -> Self:
        """Those of a container whose file system is in another folder."""
        return replace(self, folder=folder)

    def with_own(self, *ports: int) -> Self:
        """The same for one more container of a service, which has these ports to itself."""
        return replace(self, ports={**self.ports, **dict(zip(ports, claim_ports(len(ports)), strict=True))})

    def address(self, port: int) -> str:
        return f"{HOST}:{self.ports[port]}"

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        return {name: self._alone(value) or self.text(value) for name, value in environment.items()}

    def text(self, text: str) -> str:
        """Replace each address and each path in a script, a command or a value."""
        return _PATH.sub(str(self.folder), _ADDRESS.sub(self._address, text))

    def path(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def _alone(self, value: str) -> str | None:
        if value in _ALONE:
            return HOST
        return str(self.ports[int(value)]) if value.isdecimal() and int(value) in self.ports else None

    def _address(self, match: re.Match[str]) -> str:
        """A name before another number than a port of the file is something else."""
        port = self.ports.get(int(match["port"]))
        return match[0] if port is None else f"{HOST}{match['separator']}{port}"
