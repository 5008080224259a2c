"""The servers and processes of docker-compose.yml, without a container engine and without the Web UI."""

import asyncio
import io
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from temporalio.converter import DataConverter

from api.security import key_command
from devstack.apache_kafka.jars import Jars
from devstack.child import Log, Spec
from devstack.ports import HOST, claim_ports
from devstack.supervisor import Supervisor
from domain.payload import MAX_PAYLOAD_BYTES
from infra.payload_keys import KeyRing
from infra.payloads import data_converter
from tests.compose import SERVICES, interpolated, starting_order
from tests.eventually import eventually
from tests.infra.postgresql.server import PASSWORD, PostgresServer, give_to_postgres, running_postgres
from tests.production.container import Container, own_ports, search_path
from tests.production.kafka_image import make_kafka_image
from tests.production.replacements import Replacements
from tests.production.temporal_programs import TemporalPrograms

LEFT_OUT = {"temporal-ui"}
"""It is published as a container image only."""
_KEYS = "/etc/durable-patterns/keys/api-keys.json"
_DATA = "/var/lib/postgresql/data"
_OF_KAFKA = {"broker", "topics"}
_MEMBERS = ("FRONTEND", "HISTORY", "MATCHING", "WORKER")
_INTERNAL_PORTS = (
    "FRONTEND_HTTP_PORT",
    *(f"{member}_MEMBERSHIP_PORT" for member in _MEMBERS),
    *(f"{member}_GRPC_PORT" for member in _MEMBERS[1:]),
)
"""Further ports of Temporal's, which are free in a container."""


@dataclass(frozen=True)
class Tools:
    """What this machine has instead of images."""

    postgres: Path
    temporal: TemporalPrograms
    jars: Jars


def settings_with(**more: str) -> dict[str, str]:
    """What `.env` must have, and `more`."""
    random = ("TEMPORAL_DB_PASSWORD", "PATTERNS_DB_PASSWORD", "CARD_TOKEN_KEY")
    return {
        **{name: secrets.token_hex(32) for name in random},
        "POSTGRES_PASSWORD": PASSWORD,
        "PAYLOAD_KEYS": f"first:{secrets.token_hex(32)}",
        "API_KEYS_FILE": _KEYS,
        **more,
    }


class ProductionStack:
    """Runs from enter to exit. `given` is what `.env` has. Processes have their services' names, and `workers-2`.

    PostgreSQL is `postgres`, all others are in `processes`. Raises `ChildFailed` on enter.
    """

    postgres: PostgresServer

    def __init__(
        self, tools: Tools, folder: Path, given: Mapping[str, str], log: Log, folder_of_postgres: Path
    ) -> None:
        self._tools = tools
        self._given = given
        self._log = log
        self._replacements = Replacements.choose(folder)
        self._in_postgres = self._replacements.at(folder_of_postgres)
        self._containers: dict[str, Container] = {}
        self._database = self._add("postgresql", "postgresql")
        self.processes = Supervisor([specs for specs in self._stages() if specs], log)
        self._gateway = self._containers["gateway"]
        self.log_file = folder / "log.txt"
        """What the processes say; `log` writes it."""
        self.keys: dict[str, str] = {}
        """The API keys, by name."""
        self._running = AsyncExitStack()

    @property
    def gateway_url(self) -> str:
        return f"http://{HOST}:{self._gateway.environment['GATEWAY_PORT']}"

    @property
    def temporal_address(self) -> str:
        return self._replacements.address(7233)

    @property
    def bootstrap(self) -> str:
        """The broker's address for clients outside of the containers."""
        return self._replacements.address(9092)

    @property
    def database_url(self) -> str:
        return self._gateway.environment["DATABASE_URL"]

    @property
    def converter(self) -> DataConverter:
        """For a client that reads payloads as gateway and workers do."""
        return data_converter(MAX_PAYLOAD_BYTES, KeyRing.parse(self._given["PAYLOAD_KEYS"], "PAYLOAD_KEYS"))

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as starting:
            self.postgres = starting.enter_context(self._postgres())
            await self.postgres_is_ready()
            # PostgreSQL's image runs what is in this folder on an empty volume.
            script = self._in_postgres.path("/docker-entrypoint-initdb.d/roles.sql")
            await asyncio.to_thread(self.postgres.run_script, script, self._database.environment)
            self.make_key("me")
            await starting.enter_async_context(self.processes)
            self._running = starting.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    async def postgres_is_ready(self) -> None:
        """Start it unless it runs, and wait for it. Until all processes of a killed one have ended, it ends at once."""

        async def is_ready() -> bool:
            if not self.postgres.runs:
                self.postgres.start()
            return await self._database.is_healthy()

        await eventually(is_ready, timeout_seconds=300)

    async def execute(self, container: str, command: Sequence[str], given: str = "", user: str | None = None) -> str:
        """Run a command in a container, as `docker exec` does, with `given` as its input. Return all that it says.

        Raises `CalledProcessError`.
        """
        return await asyncio.to_thread(self._containers[container].execute, command, given, user)

    def make_key(self, name: str) -> str:
        """Make an API key, as `python -m api keys` does, and add it to the gateway's file."""
        roles = [argument for role in ("caller", "operator", "metrics") for argument in ("--role", role)]
        file = Path(self._gateway.environment["API_KEYS_FILE"])
        file.parent.mkdir(parents=True, exist_ok=True)
        with redirect_stderr(io.StringIO()) as shown:
            key_command.main([name, *roles, "--file", str(file)])
        self.keys[name] = shown.getvalue().split()[-1]
        return self.keys[name]

    @asynccontextmanager
    async def another_gateway(self) -> AsyncIterator[str]:
        """The URL of a second gateway, beside the first one."""
        own = self._replacements.of("gateway").with_own(8080, *own_ports("gateway"))
        gateway = Container("gateway", self._given, own, self._image("gateway"))
        async with Supervisor([[gateway.spec("gateway-2")]], self._log):
            yield f"http://{HOST}:{gateway.environment['GATEWAY_PORT']}"

    def _postgres(self) -> AbstractContextManager[PostgresServer]:
        """With the settings of the container's command: `postgres -c name=value`."""
        _, *arguments = (interpolated(text, self._given) for text in SERVICES["postgresql"]["command"])
        settings = dict(self._in_postgres.text(each).split("=", 1) for each in arguments if each != "-c")
        folder = self._in_postgres.path(_DATA).parent
        for place in (folder, self._in_postgres.path("/backups")):
            place.mkdir(parents=True)
            give_to_postgres(place)
        return running_postgres(self._tools.postgres, settings, self._replacements.ports[5432], folder)

    def _stages(self) -> Iterator[list[Spec]]:
        """Services start together when all that they depend on are ready."""
        for services in starting_order():
            run = [service for service in services if service not in {*LEFT_OUT, "postgresql"}]
            yield [spec for service in run for spec in self._specs(service)]

    def _specs(self, service: str) -> Iterator[Spec]:
        for number in range(1, SERVICES[service]["deploy"].get("replicas", 1) + 1):
            name = service if number == 1 else f"{service}-{number}"
            yield self._add(service, name).spec(name)

    def _add(self, service: str, name: str) -> Container:
        place = self._in_postgres if service == "postgresql" else self._replacements.of(name)
        own = place.with_own(*own_ports(service))
        if service in _OF_KAFKA:
            make_kafka_image(self._tools.jars, own)
        self._containers[name] = Container(service, self._given, own, self._image(service))
        return self._containers[name]

    def _image(self, service: str) -> dict[str, str]:
        """What a service's image sets."""
        image = {"PATH": search_path(self._tools.temporal.folder, self._tools.postgres)}
        if service == "postgresql":
            # The image lets its superuser in without a password, through a socket.
            login = {"PGHOST": HOST, "PGPORT": str(self._replacements.ports[5432]), "PGPASSWORD": PASSWORD}
            image |= {**login, "PGDATA": str(self._in_postgres.path(_DATA))}
        if service == "temporal":
            ports = map(str, claim_ports(len(_INTERNAL_PORTS)))
            image |= dict(zip(_INTERNAL_PORTS, ports, strict=True))
            image["FRONTEND_GRPC_PORT"] = str(self._replacements.ports[7233])
        if service == "temporal-schema":
            image["SCHEMAS"] = str(self._tools.temporal.schemas)
        return image
