"""A run from its first server to its last check: load, restarts, and what is wrong in the end."""

import asyncio
import json
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.harness.stack import BenchmarkStack, benchmark_stack
from benchmarks.steady.checks import Checks
from benchmarks.steady.delays import Delays
from benchmarks.steady.gateway import Gateway
from benchmarks.steady.load import Load
from benchmarks.steady.offsets import CommittedOffsets
from benchmarks.steady.restarts import rolling_restart, single_restarts
from benchmarks.steady.traffic import Traffic
from benchmarks.steady.watch import Change, Minute, Watch
from devstack.apache_kafka.cluster import KafkaCluster
from devstack.apache_kafka.jars import Jars
from devstack.child import Log
from devstack.supervisor import Supervisor

T = TypeVar("T")

CLUSTER = "apache"
WORKER_PROCESSES = 2
CONSUMERS = 2
ROLLING_AFTER = 0.4
"""The share of the load that is written before nodes and workers restart."""


@dataclass(frozen=True)
class Plan:
    """What happens in a run."""

    load: Load
    rolling: bool = True
    """Whether nodes and worker processes restart one after the other, in the middle of the load."""
    restarts: int = 0
    """Restarts of single nodes, spread over the load."""
    redrives: int = 0
    """How often all dead letters are redriven in the end."""


@dataclass
class Outcome:
    """What a run has shown so far."""

    minutes: list[Minute] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    is_complete: bool = False
    """Whether the run came to its end, so that every record was compared."""


class SteadyRun:
    """One run, on servers of its own. `progress` is called each second."""

    def __init__(self, plan: Plan, jars: Jars, log: Log, progress: Callable[[Watch], None]) -> None:
        self.outcome = Outcome()
        self._plan = plan
        self._jars = jars
        self._log = log
        self._progress = progress
        self._supervisors: list[Supervisor] = []

    def kill_all(self) -> None:
        """Kill every server instead of waiting for it to stop."""
        for supervisor in self._supervisors:
            supervisor.kill_all()

    async def run(self) -> Outcome:
        """Raises `StackError` if a server does not start or ends by itself, and `NotWritten`."""
        async with AsyncExitStack() as running:
            folder = running.enter_context(tempfile.TemporaryDirectory(prefix="steady-"))
            cluster = KafkaCluster(self._jars, Path(folder), self._log)
            self._supervisors.append(cluster.processes)
            await running.enter_async_context(cluster)
            settings = {
                "KAFKA_CLUSTERS": json.dumps({CLUSTER: cluster.bootstrap}),
                "KAFKA_ALLOWED": json.dumps({CLUSTER: [self._plan.load.topic]}),
            }
            bench = await running.enter_async_context(
                benchmark_stack(settings, worker_processes=WORKER_PROCESSES, log=self._log)
            )
            self._supervisors.append(bench.stack.processes)
            await bench.stack.processes.while_alive(cluster.processes.while_alive(self._run(cluster, bench)))
        return self.outcome

    async def _run(self, cluster: KafkaCluster, bench: BenchmarkStack) -> None:
        load, gateway = self._plan.load, Gateway(bench.http)
        await cluster.make_topic(load.topic, load.partitions)
        await gateway.subscribe(CLUSTER, load.topic, CONSUMERS)
        traffic = Traffic(load, cluster.bootstrap)
        offsets = CommittedOffsets(cluster.bootstrap, gateway.subscription_id)
        watch = Watch(
            gateway, traffic, offsets, Delays(bench.temporal_address, bench.stack.converter, traffic), bench.usage
        )
        self.outcome = Outcome(watch.minutes, watch.changes, watch.violations)
        load = await _while_running(watch.repeat(self._progress), self._play(cluster, bench, traffic, watch))
        watch.note("everything is written")
        await _while_running(watch.repeat(self._progress), self._check(Checks(gateway, load, watch)))
        self.outcome.is_complete = True

    async def _play(self, cluster: KafkaCluster, bench: BenchmarkStack, traffic: Traffic, watch: Watch) -> Load:
        """Write the records while nodes restart. Returns what was written."""
        load, restarts = self._plan.load, self._plan.restarts
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(traffic.run())
            if self._plan.rolling:
                await asyncio.sleep(load.seconds * ROLLING_AFTER)
                await rolling_restart(cluster, bench.stack, watch.note)
            if restarts:
                await single_restarts(cluster, restarts, load.seconds - watch.seconds, load.seed, watch.note)
            traffic.last_event.set()
        return writing.result()

    async def _check(self, checks: Checks) -> None:
        violations = self.outcome.violations
        violations += await checks.finished()
        violations += await checks.packages()
        violations += await checks.letters()
        for redrive in range(self._plan.redrives):
            violations += await checks.redriven(attempts=redrive + 2)


async def _while_running(background: Coroutine[Any, Any, None], work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, and cancel `background` then. An error in either ends both."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(background)
        result = await work
        task.cancel()
    return result
