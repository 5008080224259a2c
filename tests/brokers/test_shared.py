"""Test processes share a node, and nodes end with their run."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.probes import listens
from devstack.watchdog import Watchdog
from tests.brokers.apache import ApacheKafka, Node, Ports
from tests.brokers.ports import free_address
from tests.brokers.shared import SharedKafka, shared_kafka
from tests.eventually import eventually

ROOT = Path(__file__).parent.parent.parent
SERVER = "import socket, sys, time; server = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"
RUN = f"""
import sys, time
from pathlib import Path
from devstack.watchdog import Watchdog
from tests.brokers.apache import ApacheKafka, Node, Ports

port, folder = int(sys.argv[1]), Path(sys.argv[2])
command = [sys.executable, "-c", {SERVER!r}, str(port)]
node = Node(command, ApacheKafka(Ports(port, 0, 0, 0, 0), folder), Watchdog())
node.start()
print("runs", flush=True)
time.sleep(600)
"""


class Starts:
    """Starts nodes without a process, unless they must fail."""

    def __init__(self) -> None:
        self.begun: list[tuple[Path, str]] = []
        self.ended: list[str] = []
        self.fails = False

    @contextmanager
    def start(self, folder: Path, variant: str) -> Iterator[Node]:
        self.begun.append((folder, variant))
        if self.fails:
            raise FileNotFoundError("java")
        with Watchdog() as watchdog:
            yield Node([], ApacheKafka(Ports(len(self.begun), 0, 0, 0, 0), folder), watchdog)
        self.ended.append(variant)


@pytest.fixture
def starts() -> Starts:
    return Starts()


@pytest.fixture
def shared(starts: Starts) -> Iterator[SharedKafka]:
    running = SharedKafka(starts.start)
    yield running
    running.close()


def test_a_node_starts_once_for_all_who_ask_at_once(shared: SharedKafka, starts: Starts) -> None:
    def ask(number: int) -> ApacheKafka:
        return shared_kafka(shared.address, Path(f"/{number}"), "strict")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert set(answers) == {answers[0]}
    assert [variant for _, variant in starts.begun] == ["strict"]


def test_other_settings_are_another_node(shared: SharedKafka, starts: Starts) -> None:
    strict, default = (shared_kafka(shared.address, Path("/"), variant) for variant in ("strict", "default"))
    assert strict != default
    assert shared_kafka(shared.address, Path("/later"), "strict") == strict


def test_nodes_end_when_the_run_does(starts: Starts) -> None:
    shared = SharedKafka(starts.start)
    for variant in ("strict", "default"):
        shared_kafka(shared.address, Path("/"), variant)
    assert starts.ended == []
    shared.close()
    assert sorted(starts.ended) == ["default", "strict"]


def test_whoever_asks_learns_why_a_node_did_not_start_and_the_next_one_tries_again(
    shared: SharedKafka, starts: Starts
) -> None:
    starts.fails = True
    with pytest.raises(AssertionError, match="does not start, see /here: java"):
        shared_kafka(shared.address, Path("/here"), "strict")
    starts.fails = False
    assert shared_kafka(shared.address, Path("/there"), "strict").folder == Path("/there")


async def test_a_node_ends_also_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    address = free_address()
    command = [sys.executable, "-c", RUN, address.rpartition(":")[2], str(tmp_path)]
    run = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert await run.stdout.readline() == b"runs\n"
    assert await listens(address)
    run.kill()
    await run.wait()

    async def is_gone() -> bool:
        return not await listens(address)

    await eventually(is_gone)
