"""A cluster of three nodes of Apache Kafka, whose nodes can be stopped, killed and restarted one by one.

Topics have three replicas and need two of them in sync, so that one node may be missing.
"""

import asyncio
import base64
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from string import Template
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from devstack.apache_kafka.jars import Jars
from devstack.child import Command, Log, Spec
from devstack.ports import HOST, claim_ports
from devstack.probes import listens
from devstack.supervisor import Supervisor

NODES = 3
JVM = (
    *("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    # The others look for a stopped node several times a second, and would log a page each time.
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.NetworkClient=error",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.ReplicaFetcherThread=error",
)
READY_WITHIN = timedelta(minutes=5)
"""Nodes share the cores with each other and with what uses them."""
STOP_WITHIN = timedelta(minutes=2)
"""A node that stops hands its partitions over first."""

_TEMPLATE = Path(__file__).parent / "node.properties"


class KafkaCluster:
    """Three nodes, running from enter to exit, named `kafka-1` to `kafka-3`. Their records stay in `folder`.

    Raises `ChildFailed` on enter, after it has stopped the nodes that run.
    """

    def __init__(self, jars: Jars, folder: Path, log: Log) -> None:
        self.names = [f"kafka-{node}" for node in range(1, NODES + 1)]
        ports = claim_ports(2 * NODES)
        self._addresses = dict(zip(self.names, (f"{HOST}:{port}" for port in ports[:NODES]), strict=True))
        self._java = [*jars.java, *JVM]
        self.processes = Supervisor(_stages(self._java, folder, ports), log)

    @property
    def bootstrap(self) -> str:
        """The three nodes' addresses, separated by commas."""
        return ",".join(self._addresses.values())

    async def __aenter__(self) -> Self:
        await self.processes.__aenter__()
        try:
            async with asyncio.timeout(READY_WITHIN.total_seconds()):
                await self.all_in_sync()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Kill the nodes: the last ones would wait for a quorum of controllers before they stop."""
        self.processes.kill_all()
        await self.processes.__aexit__()

    async def make_topic(self, name: str, partitions: int) -> None:
        """Make a topic with a replica on every node. Waits until the cluster does it, so it may be repeated."""
        async with self._admin() as admin:
            while True:
                answer = await admin.create_topics([NewTopic(name, partitions, NODES)])
                if not (code := answer.topic_errors[0][1]) or for_code(code) is TopicAlreadyExistsError:
                    return
                await asyncio.sleep(0.2)

    async def restart(self, name: str, *, crash: bool = False) -> float:
        """Stop a node with SIGTERM, or with SIGKILL if it must `crash`, and start it on its stored data.

        Returns, after so many seconds, once every partition has all its replicas in sync again: before that, the
        restart of another node could leave a partition with too few. Raises `StackError`, and `TimeoutError` if they
        are not in sync within `READY_WITHIN`.
        """
        began = time.monotonic()
        await (self.processes.kill(name) if crash else self.processes.stop(name))
        await self.processes.start(name)
        async with asyncio.timeout(READY_WITHIN.total_seconds()):
            await self.all_in_sync()
        return time.monotonic() - began

    async def all_in_sync(self) -> None:
        """Wait until the cluster has its three brokers, and every partition all its replicas in sync."""
        while True:
            if await self._is_in_sync():
                return
            await asyncio.sleep(0.5)

    async def _is_in_sync(self) -> bool:
        """Whether each node, when asked itself, says so: one that has just started may know less than the others."""
        try:
            for address in self._addresses.values():
                async with self._admin(address) as admin:
                    brokers = (await admin.describe_cluster())["brokers"]
                    topics = await admin.describe_topics()
                if len(brokers) < NODES or any(_out_of_sync(topics)):
                    return False
        except (KafkaError, OSError):
            return False
        return True

    @asynccontextmanager
    async def _admin(self, address: str | None = None) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=address or self.bootstrap, request_timeout_ms=10_000)
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()


def _out_of_sync(topics: list[dict[str, Any]]) -> Iterator[str]:
    """The partitions that lack a leader or a replica in sync."""
    for topic in topics:
        for partition in topic["partitions"]:
            if partition["error_code"] or len(partition["isr"]) < len(partition["replicas"]):
                yield f"{topic['topic']}-{partition['partition']}"


def _stages(java: list[str], folder: Path, ports: list[int]) -> list[list[Spec]]:
    """Format the nodes' folders, then run the nodes."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    brokers, controllers = ports[:NODES], ports[NODES:]
    voters = ",".join(f"{node}@{HOST}:{port}" for node, port in enumerate(controllers, 1))
    formatting, running = [], []
    for node, (port, controller_port) in enumerate(zip(brokers, controllers, strict=True), 1):
        own = folder / f"kafka-{node}"
        own.mkdir(parents=True)
        properties = own / "node.properties"
        values = {"node": node, "voters": voters, "port": port, "controller_port": controller_port}
        properties.write_text(Template(_TEMPLATE.read_text()).substitute(values, folder=own / "records"))
        spec = partial(Spec, environment=dict(os.environ), folder=own, ready_within=READY_WITHIN)
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", f"--config={properties}"]
        formatting.append(spec(f"format-{node}", _command([*java, *tool]), ready=None))
        command = _command([*java, "kafka.Kafka", str(properties)])
        ready = partial(listens, f"{HOST}:{port}")
        running.append(spec(f"kafka-{node}", command, ready=ready, stop_within=STOP_WITHIN))
    return [formatting, running]


def _command(command: list[str]) -> Command:
    return lambda: command
