"""A PostgreSQL server of a test's own, which it may stop, pause and refuse connections with."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import asyncpg

from devstack.ports import claim_ports

USER = "postgres"
PASSWORD = "a-password"
MISSING = "PostgreSQL's initdb and postgres are not installed (apt-get install postgresql)"
_PLACES = "/usr/lib/postgresql/*/bin"
_SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}


def find_programs() -> Path | None:
    """The folder with `initdb` and `postgres`, which packages do not put on the PATH."""
    on_path = shutil.which("initdb")
    places = [Path(on_path).resolve().parent] if on_path else []
    places += sorted(Path("/").glob(_PLACES.lstrip("/")), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def _as_ordinary_user() -> dict[str, object]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": "postgres", "group": pwd.getpwnam("postgres").pw_gid, "extra_groups": []}


class PostgresServer:
    """`postgres` on a loopback port, with `USER` as superuser, who needs `PASSWORD`, and with `settings`."""

    def __init__(
        self, programs: Path, folder: Path, settings: Mapping[str, str] | None = None, port: int | None = None
    ) -> None:
        self._programs = programs
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = {**_SETTINGS, **(settings or {})}
        self.port = port or claim_ports(1)[0]

    def url(self, *, database: str = "postgres", user: str = USER, password: str = PASSWORD) -> str:
        return f"postgresql+asyncpg://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        self._folder.chmod(0o700)
        give_to_postgres(self._folder)
        with tempfile.NamedTemporaryFile("w") as password:
            password.write(PASSWORD)
            password.flush()
            give_to_postgres(Path(password.name))
            options = [f"--pwfile={password.name}", f"--username={USER}", "--auth=scram-sha-256", "--no-sync"]
            self._run("initdb", f"--pgdata={self.data}", "--encoding=UTF8", *options)

    def start(self) -> None:
        """Start it. Some time later it answers."""
        command = [self._programs / "postgres", "-D", self.data, "-p", str(self.port)]
        command += [f"--{name}={value}" for name, value in self._settings.items()]
        log = (self._folder / "log.txt").open("ab")
        self._process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, **_as_ordinary_user())  # type: ignore[call-overload]
        log.close()

    def stop(self) -> None:
        if self._process is not None:
            self.resume()
            self._process.send_signal(signal.SIGINT)  # "fast": it ends its connections
            self._process.wait()
            self._process = None

    @property
    def data(self) -> Path:
        return self._folder / "data"

    def kill(self) -> None:
        """SIGKILL the server and each of its connections' processes, as if its container was killed."""
        assert self._process is not None
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def pause(self) -> None:
        """SIGSTOP the server and each of its connections' processes."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def run_script(self, script: Path, environment: Mapping[str, str]) -> None:
        """Run an SQL script with psql as the superuser, as PostgreSQL's image does on a new volume.

        `environment` are variables for the script. Raises `CalledProcessError`.
        """
        address = ["--host=127.0.0.1", f"--port={self.port}", f"--username={USER}", "--dbname=postgres", "--no-psqlrc"]
        variables = {**environment, "PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD, "PGCONNECT_TIMEOUT": "60"}
        command = [str(self._programs / "psql"), *address, f"--file={script}"]
        subprocess.run(command, env=variables, check=True, capture_output=True)

    async def run(self, statement: str, database: str = "postgres") -> list[asyncpg.Record]:
        """Run a statement as the superuser, on a connection of its own."""
        url = self.url(database=database).replace("+asyncpg", "")
        connection = await asyncpg.connect(url, timeout=60)
        try:
            records: list[asyncpg.Record] = await connection.fetch(statement)
            return records
        finally:
            await connection.close()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        command = ["ps", "-o", "pid=", "--ppid", str(self._process.pid)]
        children = subprocess.run(command, check=False, capture_output=True, text=True).stdout
        for pid in (self._process.pid, *map(int, children.split())):
            with suppress(ProcessLookupError):  # a connection may end at any time
                os.kill(pid, number)

    def _run(self, program: str, *arguments: str) -> None:
        command = [self._programs / program, *arguments]
        subprocess.run(command, cwd="/", check=True, capture_output=True, **_as_ordinary_user())  # type: ignore[call-overload]


@contextmanager
def folder_of_postgres() -> Iterator[Path]:
    """A temporary folder of the user who runs PostgreSQL, who may not enter pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        give_to_postgres(Path(folder))
        yield Path(folder)


def give_to_postgres(folder: Path) -> None:
    """Root runs PostgreSQL as another user."""
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")


@contextmanager
def running_postgres(
    programs: Path, settings: Mapping[str, str] | None = None, port: int | None = None, folder: Path | None = None
) -> Iterator[PostgresServer]:
    """`folder` is one that the user who runs PostgreSQL may enter."""
    with folder_of_postgres() if folder is None else nullcontext(folder) as place:
        server = PostgresServer(programs, place, settings, port)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()
