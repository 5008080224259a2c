"""Servers that tests share. Each starts once, when the first test asks for it."""

import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, settings
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker._workflow import _WorkflowWorker

from devstack.apache_kafka.jars import NEEDS, Jars
from devstack.ports import claim_ports
from devstack.stack import Stack
from tests.brokers.apache import (
    DEFAULTS,
    STRICT,
    ApacheKafka,
    Installation,
    Node,
    find_installation,
    running_first_node,
    running_node,
)
from tests.brokers.shared import SharedKafka, shared_kafka
from tests.expiring_activities import ExpiringActivities
from tests.server_program import ServerProgram
from workflows import search_attributes

pytest_plugins = ["tests.brokers.fixtures"]

# No time limit per example: on a busy machine any example can be slow. `timeout` limits each test.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

STARTUP_TIMEOUT = timedelta(seconds=60)
"""For a Temporal server to listen; the SDK's own 5 s are too short on a busy machine."""


def executable(name: str) -> str:
    """The path of a program that a package installed next to this Python, or that is on the PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} is missing: run `make install`"
    return found


@pytest.fixture(scope="session", autouse=True)
def patient_workers() -> Iterator[None]:
    """In a test process a workflow counts as deadlocked after 30 s, not after the SDK's 2 s.

    The limit is wall-clock time, and on a busy machine 0.2 s of work can take 2 s.
    """
    limit = "_deadlock_timeout_seconds"
    assert limit in _WorkflowWorker.__init__.__code__.co_names, "the SDK has renamed this attribute"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_WorkflowWorker, limit, property(lambda _: 30, lambda *_: None), raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def card_token_key() -> Iterator[None]:
    """A gateway starts with a key only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARD_TOKEN_KEY", "the key of the tests")
        yield


@pytest.fixture
def unused_tcp_port() -> int:
    """Replaces pytest-asyncio's fixture, whose port an outgoing connection can take before the test does."""
    return claim_ports(1)[0]


@pytest.fixture(scope="module")
async def time_skipping(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkflowEnvironment]:
    """Temporal's time-skipping test server: a month passes in a second.

    One for each file: an activity that outlives its workflow would stop time for every test after it.
    """
    program = ServerProgram(executable("temporal-test-server"), tmp_path_factory.mktemp("server"))
    start = partial(
        WorkflowEnvironment.start_time_skipping,
        data_converter=pydantic_data_converter,
        interceptors=[ExpiringActivities()],
        test_server_existing_path=str(program.path),
        port=claim_ports(1)[0],
        test_server_startup_timeout=STARTUP_TIMEOUT,
    )
    async with program.running(start) as environment:
        await environment.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=environment.client.namespace,
                search_attributes={
                    key.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD for key in search_attributes.ALL
                },
            )
        )
        yield environment


STACK_SETTINGS = {
    "REMINDER_INTERVAL": "PT1S",
    "MODERATION_POLL_INTERVAL": "PT0.2S",
    "SIMULATED_WORK": "PT0.05S",
    "STRIPE_WEBHOOK_SECRET": "whsec_test",
    "KAFKA_ALLOWED": '{"my-cluster": {"topics": ["*"], "groups": ["*"]}}',
    "MAX_WAIT": "PT10M",
    "QUERY_TIMEOUT": "PT1M",
}
"""Short intervals where production waits for days, long ones where a busy machine takes minutes, and topics of each
test's own."""


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Everything, as processes: Temporal, the broker, the database, workers and the gateway."""
    folder = tmp_path_factory.mktemp("stack")
    with (folder / "log.txt").open("w") as log:
        running = Stack.on_free_ports(
            folder / "data", STACK_SETTINGS, lambda name, line: print(f"{name:8} {line}", file=log, flush=True)
        )
        async with running:
            yield running


@pytest.fixture(scope="session")
async def http(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    """The gateway over HTTP, as a client sees it."""
    async with httpx2.AsyncClient(base_url=stack.gateway_url, timeout=60) as client:
        yield client


FOUND = pytest.StashKey[Installation | str]()
SHARED = pytest.StashKey[str]()
"""Where test processes ask for the nodes that they share."""


def production_is_left_out(config: pytest.Config) -> bool:
    return bool(config.getoption("markexpr") == "not production")


def apache_kafka_here(config: pytest.Config) -> Installation | str:
    """Apache Kafka on this machine, or why it is not tested. Looked for once, and only if tests for it are chosen."""
    if FOUND not in config.stash:
        found = "`make production` does it" if production_is_left_out(config) else find_installation(config.cache)
        config.stash[FOUND] = found
    return config.stash[FOUND]


def apache_kafka_jars(config: pytest.Config) -> Jars:
    """Apache Kafka's jars, for a cluster of several nodes. Skips the test where there is only its container image."""
    found = apache_kafka_here(config)
    if isinstance(found, str) or found.jars is None:
        pytest.skip(f"a cluster needs {NEEDS}: containers would not reach each other on loopback")
    return found.jars


def pytest_configure(config: pytest.Config) -> None:
    if inputs := getattr(config, "workerinput", None):
        config.stash[SHARED] = inputs.get("shared_kafka")
        return
    found = apache_kafka_here(config)  # found and downloaded once, before the test processes start
    if isinstance(found, Installation):
        shared = SharedKafka(partial(running_first_node, found))
        config.add_cleanup(shared.close)
        config.stash[SHARED] = shared.address


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["shared_kafka"] = node.config.stash.get(SHARED, None)


WAITING = {
    "apache",
    "chaos",
    "console",
    "economy",
    "integration",
    "kafka",
    "test_booking_points.py",
    "test_database.py",
    "test_executions.py",
    "test_idempotency.py",
    "test_install.py",
    "test_limits.py",
    "test_openapi.py",
    "test_replay.py",
    "test_stack.py",
}
"""Folders and files whose tests take long, most of them for servers of their own, some for their work."""


PRODUCTION = {
    "apache",
    "console",
    "production",
    "test_alerts.py",
    "test_kafka_storm.py",
    "test_key_rotation.py",
    "test_many_at_once.py",
    "test_memory.py",
    "test_poison.py",
    "test_rolling_restart.py",
    "test_seventh_pattern.py",
    "test_storm.py",
}
"""Folders and files with the mark `production`: production's servers, a browser, many stacks, a load, or all checks of
a second tree."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long comes first, so that no test process ends long after the others."""
    parts = {path: path.relative_to(config.rootpath).parts for path in {item.path for item in items}}
    for item in items:
        if not PRODUCTION.isdisjoint(parts[item.path]):
            item.add_marker("production")
    items.sort(key=lambda item: WAITING.isdisjoint(parts[item.path]))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is left out need not be imported: a browser's library and its tests take half a second of each process."""
    is_ours = collection_path.is_relative_to(config.rootpath / "tests")
    if is_ours and collection_path.name in PRODUCTION and production_is_left_out(config):
        return True
    if collection_path.name == "apache" and isinstance(apache_kafka_here(config), str):
        return True
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = apache_kafka_here(config)
    line = f"not tested: {found}" if isinstance(found, str) else f"tested ({found.origin})"
    terminalreporter.write_line(f"Apache Kafka: {line}.")


@pytest.fixture(scope="session")
def apache_kafka(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> ApacheKafka:
    """A node that all test processes share: tests use topics of their own, and leave it running."""
    return shared_kafka(pytestconfig.stash[SHARED], tmp_path_factory.mktemp("kafka"), STRICT)


@pytest.fixture(scope="session")
def default_kafka(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> ApacheKafka:
    """Another one, with Kafka's default settings, which create a topic that a client names."""
    return shared_kafka(pytestconfig.stash[SHARED], tmp_path_factory.mktemp("default-kafka"), DEFAULTS)


def own_node(config: pytest.Config, folder: Path, variant: str = STRICT) -> AbstractContextManager[Node]:
    """A node for tests that crash it."""
    installation = apache_kafka_here(config)
    assert isinstance(installation, Installation), installation
    return running_node(installation, folder, variant)
