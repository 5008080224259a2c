"""Temporal's server and its SQL tool, in the version that docker-compose.yml names.

They are published as container images and as source only, so Go builds them once, into the user's cache folder.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MODULE = "go.temporal.io/server"
MISSING = "Go is not installed (https://go.dev/dl): it builds Temporal's server for PostgreSQL, once"
PROGRAMS = {"server": "temporal-server", "sql": "temporal-sql-tool"}
"""The name that Go gives to a program, and the one that the image gives to it."""
_SCHEMAS = "schema/postgresql/v12"


class BuildFailed(Exception):
    """Go could not build the programs. The message has its last lines."""


@dataclass(frozen=True)
class TemporalPrograms:
    """`folder` has `temporal-server` and `temporal-sql-tool`, for PATH, and the schemas."""

    folder: Path

    @property
    def schemas(self) -> Path:
        return self.folder / _SCHEMAS


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "durable-patterns"


def build_once(version: str, say: Callable[[str], None]) -> TemporalPrograms | str:
    """Return the programs, or what is missing to build them. Raises `BuildFailed`.

    Two processes that build at the same time both succeed, and the first one's programs stay.
    """
    finished = cache_folder() / f"temporal-{version}"
    if finished.exists():
        return TemporalPrograms(finished)
    if not shutil.which("go"):
        return MISSING
    say(f"Building Temporal's server {version} once, into {finished}; this takes some minutes.")
    finished.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="building-", dir=finished.parent) as parent:
        folder = Path(parent) / "programs"
        folder.mkdir()
        _install(folder, version)
        shutil.copytree(_source(version) / _SCHEMAS, folder / _SCHEMAS, copy_function=shutil.copyfile)
        if not finished.exists():
            folder.rename(finished)
    say("Built.")
    return TemporalPrograms(finished)


def _install(folder: Path, version: str) -> None:
    packages = [f"{MODULE}/cmd/{path}@v{version}" for path in ("server", "tools/sql")]
    _go("install", *packages, GOBIN=str(folder))
    for built, name in PROGRAMS.items():
        (folder / built).rename(folder / name)


def _source(version: str) -> Path:
    """Where Go keeps the module's files."""
    return Path(json.loads(_go("mod", "download", "-json", f"{MODULE}@v{version}"))["Dir"])


def _go(*arguments: str, **variables: str) -> str:
    # Without C the programs need no compiler of this machine's, and run on any.
    environment = {**os.environ, "CGO_ENABLED": "0", **variables}
    done = subprocess.run(["go", *arguments], env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BuildFailed(f"go {' '.join(arguments)}: {done.stderr[-2000:] or done.stdout[-2000:]}")
    return done.stdout
