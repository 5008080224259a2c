"""Apache Kafka for tests: one node, from the first installation that this machine has.

That is a folder named by KAFKA_HOME, or the server's jars, which Maven fetches once, or its container image.
"""

import base64
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from string import Template
from threading import Lock

import pytest

from devstack.apache_kafka.jars import CLASSPATH_KEY, NEEDS, VERSION, Jars, find_jars, resolve_classpath
from devstack.ports import HOST, claim_ports
from devstack.watchdog import Watchdog
from tests.brokers.certificates import make_certificates
from tests.brokers.class_archive import RECORDING, ClassArchive
from tests.brokers.ports import wait_until_it_listens

USER = "ann"
PASSWORD = "secret of ann"
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")

STRICT = "auto.create.topics.enable=false"
"""Topics are created on request only."""
DEFAULTS = "offsets.retention.minutes=1\noffsets.retention.check.interval.ms=1000"
"""Kafka's own defaults: a topic that a client names is created. But offsets are forgotten after the shortest time that
Kafka allows, instead of 7 days."""

_HERE = Path(__file__).parent
_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


@dataclass(frozen=True)
class Ports:
    plain: int
    sasl: int
    tls: int
    sasl_tls: int
    controller: int


@dataclass(frozen=True)
class Installation:
    """How to run one of Kafka's Java programs. `origin` names the installation."""

    origin: str
    java: Callable[[Path, Ports], list[str]]
    listens_on: str = HOST
    jars: Jars | None = None
    """None in a container: containers of several nodes would not reach each other on loopback."""
    archive: ClassArchive | None = None
    """None in a container."""


@dataclass(frozen=True)
class ApacheKafka:
    """A running node. `folder` has the certificates: `ca.crt`, and `client`'s and `stranger`'s `.crt` and `.key`."""

    ports: Ports
    folder: Path

    @property
    def address(self) -> str:
        return f"{HOST}:{self.ports.plain}"


class Node:
    """The process of a node. It ends with this one, even if this one is killed."""

    def __init__(self, command: list[str], kafka: ApacheKafka, watchdog: Watchdog) -> None:
        self.kafka = kafka
        self._command = command
        self._watchdog = watchdog
        self._process: subprocess.Popen[bytes] | None = None
        self._changing = Lock()

    @property
    def pid(self) -> int:
        assert self._process, "the node has not been started"
        return self._process.pid

    def start(self) -> None:
        """Start the node on its stored data, and wait until it listens."""
        with self._changing:
            self._start()

    def stop(self) -> None:
        with self._changing:
            self._end(signal.SIGTERM)

    def restart_after_a_crash(self) -> None:
        """Kill the node, as a power failure would, then start it again. `stop` waits for it, in another thread too."""
        with self._changing:
            self._end(signal.SIGKILL)
            self._start()

    def _start(self) -> None:
        with (self.kafka.folder / "log.txt").open("a") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)
        self._watchdog.guard(self._process.pid)
        wait_until_it_listens(self.kafka.address)

    def _end(self, how: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(how)
            self._process.wait(timeout=120)
            self._watchdog.release(self._process.pid)


def find_installation(cache: pytest.Cache) -> Installation | str:
    """Find Apache Kafka, or return what is missing to run it. `cache` keeps Maven's answer for the next run."""
    if not shutil.which("openssl"):
        return "openssl is missing"
    if jars := find_jars(lambda: cached_classpath(cache)):
        archive = ClassArchive(cache.mkdir("apache-kafka"), jars.classpath)
        return in_processes(replace(jars, options=(archive.using,)), archive)
    if answers("docker", "version"):
        return Installation(f"{VERSION}, Docker", in_a_container, listens_on="0.0.0.0")
    return f"needs {NEEDS}, or Docker"


def cached_classpath(cache: pytest.Cache) -> str | None:
    key = f"apache-kafka/{CLASSPATH_KEY}"
    classpath: str | None = cache.get(key, None)
    if classpath is None or not all(Path(jar).exists() for jar in classpath.split(os.pathsep)):
        classpath = resolve_classpath()
        cache.set(key, classpath)
    return classpath


def in_processes(jars: Jars, archive: ClassArchive) -> Installation:
    return Installation(jars.origin, lambda folder, ports: jars.java, jars=jars, archive=archive)


def answers(*command: str) -> bool:
    if not shutil.which(command[0]):
        return False
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def in_a_container(folder: Path, ports: Ports) -> list[str]:
    published = [f"--publish={HOST}:{port}:{port}" for port in asdict(ports).values()]
    run = ["docker", "run", "--rm", f"--user={os.getuid()}:{os.getgid()}", f"--volume={folder}:{folder}", *published]
    return [*run, f"apache/kafka:{VERSION}", "java", "-cp", "/opt/kafka/libs/*"]


@contextmanager
def running_node(installation: Installation, folder: Path, variant: str) -> Iterator[Node]:
    """A new cluster of one node, with its files in `folder`. `variant` are the settings in which brokers differ."""
    ports = Ports(*claim_ports(5))
    make_certificates(folder)
    properties = folder / "server.properties"
    values = {
        "variant": variant,
        "folder": folder,
        "bind": installation.listens_on,
        "user": USER,
        "password": PASSWORD,
        **asdict(ports),
    }
    properties.write_text(Template((_HERE / "server.properties").read_text()).substitute(values))
    java = [*installation.java(folder, ports), *_JVM]
    with (folder / "log.txt").open("w") as log:
        subprocess.run([*java, *_format(properties)], stdout=log, stderr=log, check=True)
    with Watchdog() as watchdog:
        node = Node([*java, "kafka.Kafka", str(properties)], ApacheKafka(ports, folder), watchdog)
        try:
            node.start()
            yield node
        finally:
            node.stop()


@contextmanager
def running_first_node(installation: Installation, folder: Path, variant: str) -> Iterator[Node]:
    """As `running_node`. If there is no archive of Kafka's classes, one is made of this node, for all that follow."""
    archive, jars = installation.archive, installation.jars
    if archive is None or jars is None or archive.file.exists():
        with running_node(installation, folder, variant) as node:
            yield node
        return
    recording = in_processes(replace(jars, options=(RECORDING,)), archive)
    with running_node(recording, folder, variant) as node:
        archive.make(node.pid)
        yield node


def _format(properties: Path) -> list[str]:
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    scram = [f"--add-scram={mechanism}=[name={USER},password={PASSWORD}]" for mechanism in SCRAM]
    tool = "kafka.tools.StorageTool"
    return [tool, "format", "--standalone", f"--cluster-id={cluster_id}", f"--config={properties}", *scram]
