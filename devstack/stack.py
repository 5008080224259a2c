"""The whole stack as one object: for the command line and for tests."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NoReturn, Self

from temporalio.converter import DataConverter

from devstack.child import Log
from devstack.control import Control
from devstack.data_folder import DataFolder
from devstack.ports import HOST, Ports, free_ports
from devstack.probes import is_served
from devstack.restarts import Restarts
from devstack.servers import stages
from devstack.supervisor import Supervisor
from domain.payload import MAX_PAYLOAD_BYTES
from infra.payload_keys import KeyRing
from infra.payloads import data_converter


class Stack:
    """Temporal, broker, database, workers and gateway, running from enter to exit.

    `settings` are variables for gateway and workers. Further worker processes are named `workers-2` and so on. With
    `crash_button` the console can kill processes while `keep_running` runs. Raises `CannotStart`, here and on enter,
    before anything is started. Raises `ChildFailed` on enter, after it has stopped the other processes.
    """

    def __init__(
        self,
        data: Path,
        ports: Ports,
        settings: Mapping[str, str],
        log: Log,
        worker_processes: int = 1,
        *,
        crash_button: bool = False,
    ) -> None:
        self.data = DataFolder(data)
        self._ports = ports
        self._log = log
        self.control = Control(self.gateway_url) if crash_button else None
        offered = self.control.settings if self.control else {}
        self.processes = Supervisor(stages(ports, self.data, {**settings, **offered}, worker_processes), log)
        self.console_url: str | None = None
        """The console's address while the stack runs; None if the setting `console` is off."""
        self._running = AsyncExitStack()

    @classmethod
    def on_free_ports(
        cls,
        data: Path,
        settings: Mapping[str, str],
        log: Log,
        worker_processes: int = 1,
        *,
        crash_button: bool = False,
    ) -> Self:
        return cls(data, free_ports(), settings, log, worker_processes, crash_button=crash_button)

    @property
    def gateway_url(self) -> str:
        return f"http://{HOST}:{self._ports.gateway}"

    @property
    def web_ui_url(self) -> str:
        return f"http://{HOST}:{self._ports.ui}"

    @property
    def temporal_address(self) -> str:
        return f"{HOST}:{self._ports.temporal}"

    @property
    def converter(self) -> DataConverter:
        """For a client that reads or writes payloads as gateway and workers do. Not before the first enter."""
        return data_converter(MAX_PAYLOAD_BYTES, KeyRing.parse(self.data.payload_keys.read_text(), "the stack's keys"))

    @property
    def has_broker(self) -> bool:
        return self._ports.broker is not None

    @property
    def bootstrap(self) -> str:
        """The embedded broker's address, if there is one."""
        return f"{HOST}:{self._ports.broker}"

    @property
    def database_url(self) -> str:
        return self.data.database_url

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as starting:
            starting.enter_context(self.data)
            self._ports.check()
            await starting.enter_async_context(self.processes)
            console = f"{self.gateway_url}/console"
            self.console_url = console if await is_served(console) else None
            self._running = starting.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    async def keep_running(self) -> NoReturn:
        """Start again what ends by itself, until the task is cancelled. Raises `ChildFailed` if that does not help."""
        restarts = Restarts(self.processes, self._log)
        async with AsyncExitStack() as serving:
            if self.control:
                await serving.enter_async_context(self.control.serving(restarts))
            await restarts.run()
