"""Reads the requirements files, and finds what a locked package requires that its file does not have."""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {
    "requirements.txt": None,
    "requirements-dev.txt": "dev",
    "requirements-bench.txt": "bench",
    "requirements-lock.txt": "lock",
    "requirements-audit.txt": "audit",
    "requirements-chart.txt": "chart",
}
"""Each file, with the dependency group that it holds besides the application's own dependencies."""

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))


@dataclass(frozen=True)
class Environment:
    """A Python on a platform, as the markers of requirements see it."""

    python: str
    system: str
    machine: str

    def __str__(self) -> str:
        return f"{self.python}-{self.system}-{self.machine}"

    def has(self, requirement: Requirement, extra: str = "") -> bool:
        """Whether the requirement applies here, for a package that was asked for with that extra."""
        return requirement.marker is None or requirement.marker.evaluate(
            {
                "python_version": self.python,
                "python_full_version": f"{self.python}.0",
                "implementation_name": "cpython",
                "implementation_version": f"{self.python}.0",
                "platform_python_implementation": "CPython",
                "sys_platform": self.system,
                "platform_system": self.system.capitalize(),
                "platform_machine": self.machine,
                "platform_release": "",
                "platform_version": "",
                "os_name": "posix",
                "extra": extra,
            }
        )


ENVIRONMENTS = [Environment(python, *platform) for python in PYTHONS for platform in PLATFORMS]


def lines(text: str) -> Iterator[str]:
    """The requirements of a file, each on one line with its hashes, comments left out."""
    without_comments = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    return (line for line in without_comments.replace("\\\n", " ").splitlines() if line.strip())


def pins(text: str) -> list[Requirement]:
    return [Requirement(line.split(" --hash=")[0].strip()) for line in lines(text)]


def version_of(pin: Requirement) -> Version:
    """The version of `name==1.2.3`. Raises ValueError for any other requirement."""
    (specifier,) = pin.specifier
    if specifier.operator != "==" or specifier.version.endswith("*"):
        raise ValueError(f"{pin} is not one version")
    return Version(specifier.version)


def wanted(group: str | None) -> list[Requirement]:
    """What pyproject.toml asks for: the application's dependencies and a group's, or those of a group by itself."""
    dependencies = [] if group in ("lock", "audit", "chart") else PROJECT["project"]["dependencies"]
    return [Requirement(text) for text in [*dependencies, *(_group(group) if group else [])]]


def _group(name: str) -> Iterator[str]:
    for entry in PROJECT["dependency-groups"][name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from _group(entry["include-group"])


def unmet(
    locked: Iterable[Requirement],
    asked: Iterable[Requirement],
    requires: Callable[[NormalizedName], Iterable[Requirement]],
    environment: Environment,
) -> set[str]:
    """What is required in this environment, extras included, and not locked at a version that will do.

    `asked` are the first requirements, `requires` gives those of a package.
    """
    versions = {canonicalize_name(pin.name): version_of(pin) for pin in locked if environment.has(pin)}
    missing: set[str] = set()
    todo: list[tuple[NormalizedName, str]] = [(name, "") for name in versions]
    done: set[tuple[NormalizedName, str]] = set()

    def look_at(requirement: Requirement, source: str) -> None:
        name = canonicalize_name(requirement.name)
        if name not in versions or not requirement.specifier.contains(versions[name], prereleases=True):
            missing.add(f"{requirement} ({source})")
        todo.extend((name, extra) for extra in requirement.extras)

    for requirement in asked:
        if environment.has(requirement):
            look_at(requirement, "pyproject.toml")
    while todo:
        package, extra = todo.pop()
        if (package, extra) in done:
            continue
        done.add((package, extra))
        for requirement in requires(package):
            if environment.has(requirement, extra):
                look_at(requirement, f"{package}[{extra}]" if extra else package)
    return missing
