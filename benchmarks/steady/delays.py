"""How late records are applied: from the call of the producer until the package's state has the record."""

import asyncio
import time
from contextlib import suppress

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.converter import DataConverter
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError

from benchmarks.steady.traffic import Sent, Traffic
from domain.package_tracker import PACKAGE_TRACKER

EVERY_SECONDS = 1.0
PAUSE_SECONDS = 0.05
"""Between two questions about a record; a tenth of its delay so far, if that is longer."""
MAX_MEASURED = 30
"""Records whose delay is being measured at a time."""


class Delays:
    """Measures one record per second. `seconds` has the delays since it was last emptied."""

    def __init__(self, temporal_address: str, converter: DataConverter, traffic: Traffic) -> None:
        self.seconds: list[float] = []
        self._temporal_address = temporal_address
        self._converter = converter
        self._traffic = traffic
        self._slots = asyncio.Semaphore(MAX_MEASURED)

    async def measure(self) -> None:
        """Return when the traffic is over, and every record that was chosen is applied."""
        if self._traffic.is_over:
            return
        client = await Client.connect(self._temporal_address, data_converter=self._converter, runtime=_quiet())
        latest = self._traffic.newest
        async with asyncio.TaskGroup() as group:
            while not self._traffic.is_over:
                if self._traffic.newest != latest and not self._slots.locked():
                    latest = self._traffic.newest
                    group.create_task(self._measure_one(client, latest))
                await asyncio.sleep(EVERY_SECONDS)

    async def _measure_one(self, client: Client, sent: Sent) -> None:
        load = self._traffic.load
        expected, applied = load.locations_up_to(sent.number), 0
        package = client.get_workflow_handle(PACKAGE_TRACKER.execution_id(load.package(sent.number)))
        async with self._slots:
            while applied < expected:
                await asyncio.sleep(max(PAUSE_SECONDS, (time.monotonic() - sent.at) / 10))
                with suppress(RPCError, WorkflowQueryFailedError):  # it is unknown until its first record, or busy
                    applied = (await package.query("state"))["waiting"]["received"]
        self.seconds.append(time.monotonic() - sent.at)


def _quiet() -> Runtime:
    """The client prints a warning for each query of a busy package, in the middle of the progress line."""
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(TelemetryFilter("ERROR", "ERROR"))))
