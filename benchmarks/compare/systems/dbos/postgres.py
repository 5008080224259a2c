"""A PostgreSQL server for one measurement, of the programs that are installed on this machine."""

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import asyncpg

from devstack.child import Spec
from devstack.errors import CannotStart
from devstack.ports import HOST

_USER = "postgres"
_PLACES = "usr/lib/postgresql/*/bin"
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    # As durable as the others: what was answered survives the crash of a process, but perhaps not a power cut.
    "fsync": "off",
    "max_connections": "200",
}


def programs() -> Path:
    """The folder with `initdb` and `postgres`, which packages do not put on the PATH. Raises `CannotStart`."""
    on_path = shutil.which("initdb")
    places = [Path(on_path).resolve().parent] if on_path else []
    places += sorted(Path("/").glob(_PLACES), reverse=True)
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise CannotStart("PostgreSQL's initdb and postgres are missing: install postgresql.")


@dataclass(frozen=True)
class Postgres:
    """Keeps everything in `folder`, which belongs to the user who runs it."""

    folder: Path
    port: int
    password: str

    @classmethod
    def prepare(cls, folder: Path, port: int) -> Self:
        postgres = cls(folder, port, secrets.token_hex(16))
        postgres._password_file.write_text(postgres.password)
        if os.geteuid() == 0:
            for path in (folder, postgres._password_file):
                shutil.chown(path, _USER)
        return postgres

    @property
    def url(self) -> str:
        return f"postgresql://{_USER}:{self.password}@{HOST}:{self.port}/postgres"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def _password_file(self) -> Path:
        return self.folder / "password"

    def stages(self) -> list[list[Spec]]:
        place = programs()
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        options = (f"--pwfile={self._password_file}", f"--username={_USER}", "--auth=scram-sha-256", "--no-sync")
        create = _unprivileged((str(place / "initdb"), f"--pgdata={self.data}", "--encoding=UTF8", *options))
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        serve = _unprivileged((str(place / "postgres"), "-D", str(self.data), "-p", str(self.port), *settings))
        return [
            [Spec("initdb", lambda: create, environment, self.folder, ready=None)],
            [Spec("postgres", lambda: serve, environment, self.folder, ready=partial(_answers, self.url))],
        ]


def _unprivileged(command: Sequence[str]) -> Sequence[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return command
    return ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", *command)


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True
