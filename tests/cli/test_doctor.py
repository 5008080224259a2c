"""What doctor finds with everything in order, and with each fault of its list brought about."""

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from api.app import create_app, open_gateway
from api.routes.diagnosis import Part, State, queues
from api.security.authentication import authentication
from cli import doctor
from cli.doctor import ADVICE
from clients import subscriptions
from domain.subscription import SUBSCRIPTION, Subscription
from domain.version import VERSION
from infra import readiness, temporal_connection
from infra.database_errors import NOT_MIGRATED, READ_ONLY, STATES, UNREACHABLE, DatabaseUnavailable
from infra.payload_keys import KeyRing
from infra.settings import Settings
from tests.api.http.running import HOST, port_of, serving
from tests.api.security.gateways import write_keys
from tests.cli.running import Ended, Run
from tests.dev_server import BARE, dev_server_with_bare_namespace
from tests.eventually import eventually
from tests.infra.schema import downgrade, upgrade
from tests.silent_server import silent_server
from workflows.booking import BookingWorkflow
from workflows.subscription import SubscriptionWorkflow

PATIENCE = timedelta(seconds=20)
DATABASE_STATES = sorted({*STATES.values(), UNREACHABLE, READ_ONLY, NOT_MIGRATED})


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server_with_bare_namespace() as environment:
        yield environment


@dataclass(frozen=True)
class Examination:
    """What doctor printed, by its checks."""

    ended: Ended

    def __getitem__(self, check: str) -> dict[str, str]:
        found: dict[str, dict[str, str]] = {each["check"]: each for each in json.loads(self.ended.out)}
        return found[check]

    @property
    def wrong(self) -> set[str]:
        """The checks that found something wrong."""
        return {each["check"] for each in json.loads(self.ended.out) if each["advice"]}


Examine = Callable[..., Awaitable[Examination]]
"""Runs doctor against a gateway in this process. Takes the gateway's settings, and `of` to change the gateway."""


@pytest.fixture
async def database(tmp_path: Path) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path}/patterns.db"
    await upgrade(url)
    return url


@pytest.fixture
def examine(temporal: WorkflowEnvironment, database: str, command: Run, monkeypatch: pytest.MonkeyPatch) -> Examine:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal.client.service_client.config.target_host)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "default")
    monkeypatch.setattr(readiness, "CHECK_TIMEOUT", PATIENCE)

    async def run(of: Callable[[Any], Any] = lambda gateway: gateway, **settings: Any) -> Examination:
        used = Settings(**{"database_url": database, "kafka_clusters": {}, **settings})
        async with (
            open_gateway(used, KeyRing(), authentication(used)) as gateway,
            serving(create_app(of(gateway)), used) as running,
        ):
            monkeypatch.setenv("PATTERNS_URL", f"http://{HOST}:{port_of(running)}")
            return Examination(await command("--json", "doctor"))

    return run


QUEUES = {f"task queue {each.queue}" for each in queues()}
SERVED = {"task queue booking", f"task queue {SUBSCRIPTION.task_queue}"}
"""By workers of tests here: Temporal names them for a while after their end."""


async def test_on_a_stack_it_finds_each_part_in_order(patterns: Run) -> None:
    examined = Examination(await patterns("--json", "doctor"))

    parts = ("gateway", "temporal", "database", "kafka cluster my-cluster", "trips", *QUEUES)
    assert [examined[part]["advice"] for part in parts] == [""] * len(parts)
    assert examined["task queue booking"]["found"] == "ok: 1 worker processes"
    assert examined["gateway"]["found"] == f"answers, version {VERSION}"
    assert examined.ended.code == bool(examined.wrong)
    assert "WHAT TO DO" in (await patterns("doctor")).out


async def test_queues_without_workers(examine: Examine) -> None:
    examined = await examine()

    assert examined.ended.code == 1
    assert examined.wrong >= QUEUES - SERVED
    assert examined["task queue fan-out"]["found"] == "has no worker"
    assert "python -m workers" in examined["task queue fan-out"]["advice"]
    count = len(json.loads(examined.ended.out))
    assert examined.ended.err == f"{len(examined.wrong)} of {count} checks found something wrong.\n"


async def test_a_gateway_that_does_not_answer(
    command: Run, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("PATTERNS_URL", f"http://127.0.0.1:{unused_tcp_port}")

    ended = await command("doctor")

    assert (ended.code, ended.out) == (3, "")
    assert "Is the gateway running" in ended.err


async def test_temporal_is_not_there(examine: Examine, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{unused_tcp_port}")

    examined = await examine()

    assert examined.ended.code == 1
    assert examined["temporal"]["found"] == "cannot be reached"
    assert "TEMPORAL_ADDRESS" in examined["temporal"]["advice"]
    assert examined["task queue all"]["found"].startswith("cannot be asked")
    assert examined.wrong == {"temporal", "task queue all", "lists"}


async def test_temporal_hangs(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "CHECK_TIMEOUT", timedelta(seconds=0.5))
    monkeypatch.setattr(temporal_connection, "CONNECT_SECONDS", 1)
    async with silent_server() as server:
        monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
        examined = await examine()

    assert examined.ended.code == 1
    assert examined["temporal"]["found"] in {"does not answer", "cannot be reached"}
    assert examined["temporal"]["advice"]


@pytest.mark.parametrize(
    ("namespace", "found", "advice"),
    [
        ("missing", "does not have the namespace", "temporal operator namespace create"),
        (BARE, "lacks search attributes", "--name PatternStatus"),
    ],
)
async def test_temporal_is_not_set_up(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, namespace: str, found: str, advice: str
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", namespace)

    examined = await examine()

    assert examined.ended.code == 1
    assert examined["temporal"]["found"] == found
    assert advice in examined["temporal"]["advice"]


async def test_the_database_is_not_there(examine: Examine, unused_tcp_port: int) -> None:
    examined = await examine(database_url=f"postgresql+asyncpg://patterns@127.0.0.1:{unused_tcp_port}/patterns")

    assert examined["database"]["found"] == "cannot be reached"
    assert "DATABASE_URL" in examined["database"]["advice"]
    assert {each for each in examined.wrong if not each.startswith(("task queue", "workers"))} == {"database"}


async def test_the_database_is_read_only(examine: Examine, database: str) -> None:
    file = database.removeprefix("sqlite+aiosqlite:///")

    examined = await examine(database_url=f"sqlite+aiosqlite:///file:{file}?mode=ro&uri=true")

    assert examined["database"]["found"] == "is read-only"
    assert "primary" in examined["database"]["advice"]


async def test_the_migrations_are_behind(examine: Examine, database: str) -> None:
    await downgrade(database)

    examined = await examine()

    assert examined["database"]["found"] == "is not migrated"
    assert "alembic upgrade head" in examined["database"]["advice"]


async def test_the_database_is_damaged(examine: Examine, database: str) -> None:
    damage(Path(database.removeprefix("sqlite+aiosqlite:///")))

    examined = await examine()

    assert examined["database"]["found"] == "is damaged"
    assert "backup" in examined["database"]["advice"]


def damage(file: Path) -> None:
    file.write_bytes(b"no database " * 1_000)


@pytest.mark.parametrize("state", DATABASE_STATES)
async def test_each_way_in_which_a_database_fails_has_its_own_advice(examine: Examine, state: str) -> None:
    class Failing:
        async def check(self) -> None:
            raise DatabaseUnavailable(state, "as a test wants it")

    examined = await examine(of=lambda gateway: replace(gateway, database=cast(Any, Failing())))

    assert examined.ended.code == 1
    assert examined["database"] == {"check": "database", "found": state, "advice": ADVICE["database", state]}


async def test_kafka_is_not_there(examine: Examine, unused_tcp_port: int) -> None:
    examined = await examine(kafka_clusters={"my-cluster": f"127.0.0.1:{unused_tcp_port}"})

    assert examined.ended.code == 1
    assert examined["kafka cluster my-cluster"]["found"].startswith("does not answer: Kafka cluster 'my-cluster'")
    assert "KAFKA_CLUSTERS" in examined["kafka cluster my-cluster"]["advice"]


async def test_a_topic_is_missing(examine: Examine, temporal: WorkflowEnvironment, embedded_broker: str) -> None:
    topic = f"posts-{uuid.uuid4().hex[:8]}"
    subscription = Subscription.model_validate(
        {"cluster": "my-cluster", "topic": topic, "service": "UserFeed", "handler": "processPost", "options": {}}
    )
    async with Worker(temporal.client, task_queue=SUBSCRIPTION.task_queue, workflows=[SubscriptionWorkflow]):
        handle = await subscriptions.start(temporal.client, subscription)

        async def is_listed() -> bool:
            running = temporal.client.list_workflows(f"WorkflowId = '{handle.id}' AND ExecutionStatus = 'Running'")
            return handle.id in [each.id async for each in running]

        async def served() -> Examination | None:
            """Temporal knows the worker once it has polled."""
            examined = await examine(kafka_clusters={"my-cluster": embedded_broker})
            return None if f"task queue {SUBSCRIPTION.task_queue}" in examined.wrong else examined

        await eventually(is_listed)
        examined = await eventually(served)
        await handle.terminate()

    assert examined["kafka cluster my-cluster"]["advice"] == ""
    assert examined[f"topic my-cluster/{topic}"]["found"] == "does not exist"
    assert "Create it" in examined[f"topic my-cluster/{topic}"]["advice"]


async def test_a_worker_of_another_version(examine: Examine, temporal: WorkflowEnvironment) -> None:
    client = await Client.connect(
        temporal.client.service_client.config.target_host,
        identity="7@old/0.0.9",
        data_converter=temporal.client.data_converter,
    )
    async with Worker(client, task_queue="booking", workflows=[BookingWorkflow]):

        async def is_polled() -> bool:
            return "task queue booking" not in (await examine()).wrong

        await eventually(is_polled)
        examined = await examine()

    assert examined["task queue booking"]["found"] == "ok: 1 worker processes"
    assert "7@old/0.0.9" in examined["workers versions"]["found"]
    assert "docs/upgrades.md" in examined["workers versions"]["advice"]


async def test_a_command_line_of_another_version(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "VERSION", "0.0.9")

    examined = await examine()

    assert "This command line is 0.0.9" in examined["gateway"]["advice"]


@pytest.mark.parametrize(
    ("key", "found"), [("none", "401"), ("wrong", "401"), ("caller", "This needs the role operator")]
)
async def test_the_key_is_missing_wrong_or_lacks_the_role(
    examine: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, found: str
) -> None:
    file = tmp_path / "keys.json"
    keys = write_keys(file, {"caller": {"roles": ["caller"]}})
    monkeypatch.setenv("PATTERNS_KEY", {"none": "", "wrong": "dpk_wrong"}.get(key) or keys.get(key, ""))

    examined = await examine(api_keys_file=file)

    assert examined.ended.code == 1
    assert found in examined["credentials"]["found"]
    assert "role operator" in examined["credentials"]["advice"]
    assert examined["temporal"]["found"] == "ok", "what needs no key is checked"


async def test_a_gateway_that_is_about_to_stop(examine: Examine) -> None:
    def draining(gateway: Any) -> Any:
        gateway.drain.begin()
        return gateway

    examined = await examine(of=draining)

    assert examined.ended.code == 1
    assert examined.wrong >= {"gateway"}


async def test_what_waits_for_an_operator(patterns: Run, http: httpx2.AsyncClient) -> None:
    failing = {"kind": "heavy_work", "payload": {"fail": "the disk is full"}, "maxAttempts": 1}
    assert (await http.post("/AsyncTaskWorker/runTask", json=failing)).status_code == 409

    async def is_found() -> bool:
        return "tasks" in Examination(await patterns("--json", "doctor")).wrong

    await eventually(is_found)
    examined = Examination(await patterns("--json", "doctor"))
    assert (examined.ended.code, examined["tasks"]["found"]) == (1, "some have failed")


def test_there_is_advice_for_whatever_a_gateway_can_say() -> None:
    temporal = {"does not answer", "cannot be reached", "does not have the namespace", "lacks search attributes"}

    assert {*DATABASE_STATES, "does not answer"} <= {state for part, state in ADVICE if part == "database"}
    assert {*temporal, "cannot be used"} == {state for part, state in ADVICE if part == "temporal"}
    assert {part.value for part in Part} <= {part for part, _ in ADVICE}
    assert {state.value for state in State} - {"ok"} <= {state for _, state in ADVICE}
