"""What people enter is readable where the application keeps it, and nowhere else; secrets are readable nowhere."""

import uuid
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import httpx2
import pytest
from aiokafka import AIOKafkaProducer
from temporalio.client import Client

from devstack.stack import Stack
from tests.conftest import STACK_SETTINGS
from tests.eventually import eventually

KEY = uuid.uuid4().hex[:8]
TRIP = {
    "flights": {"flightId": "Zeppelin7", "passengerName": "Zaphod Quux"},
    "car": {"pickupLocation": "NO-RETURN", "rentalDate": "1987-06-05"},
    "paymentInfo": {"cardNumber": "4111111111111111", "amount": 1_234_567},
}
POST = {"content": "Xylophone", "metadata": "Wombat"}
REGISTRATION = {"finalDestination": "Vladivostok 3"}
LOCATION = {"timestamp": "2024-10-10 13:00", "location": "Ulaanbaatar 5"}
EVENT = {"type": "Tachyon", "created": 1633025000, "data": {"id": f"evt_{KEY}", "customer": "cus_Rumpelstilz"}}
REQUEST = {
    "url": "http://Snark:Boojum@127.0.0.1:9/hook/f00dbabef00dbabef00d?key=Tulgey",
    "headers": {"Authorization": "Bearer Mimsy-Borogoves"},
    "body": {"note": "Sphinx"},
}
SECRETS = ("4111111111111111", "Boojum", "f00dbabe", "Tulgey", "Mimsy")
"""A card number, and what gives access to the receiver of a request."""
CONTENT = (
    *("Zeppelin7", "Zaphod", "Quux", "1987-06-05", "1234567", "could not be accepted", "Phoned by Yggdrasil"),
    *("NO-RETURN", "Xylophone", "Wombat", "Vladivostok", "Ulaanbaatar", "Tachyon", "Rumpelstilz"),
    *("Sphinx", "Kumquat", "Jabberwock", "Bandersnatch"),
)
"""What else the calls below contain, and texts of errors."""
REASON = "Kumquat"
"""The reason of a failed task is in the log, for the operator."""


@pytest.fixture(scope="module")
async def private(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack of its own: only what these calls store is in its files."""
    folder = tmp_path_factory.mktemp("private")
    settings = STACK_SETTINGS | {"HTTP_TASK_ALLOWED_HOSTS": '["127.0.0.1:9"]'}
    with (folder / "log.txt").open("w") as log:
        running = Stack.on_free_ports(
            folder / "data", settings, lambda name, line: print(f"{name:8} {line}", file=log, flush=True)
        )
        async with running:
            yield running


async def _play(gateway: httpx2.AsyncClient, stack: Stack) -> None:
    """Call each pattern, in each way that carries content: requests, messages, delays, updates, queries, failures."""
    run = f"/BookingWorkflow/{KEY}"
    sent = await gateway.post(f"{run}/run/send", json=TRIP)
    await eventually(lambda: _has_status(gateway, run, "COMPENSATION_STUCK"))

    async def resolved() -> bool:  # 503: the update met another event at the same moment
        resolution = {"compensation": "cancel car", "note": "Phoned by Yggdrasil"}
        return (await gateway.post(f"{run}/resolveCompensation", json=resolution)).status_code == 200

    await eventually(resolved)
    failed = await gateway.get(f"/invocations/{sent.json()['invocationId']}/attach")
    assert "could not be accepted" in failed.json()["detail"]

    work = {"kind": "heavy_work", "payload": {"note": "Sphinx"}}
    assert (await gateway.post("/AsyncTaskWorker/runTask", json=work)).json()["payload"] == {"note": "Sphinx"}
    assert (await gateway.post("/AsyncTaskWorker/runTask/send?delay=1h", json=work)).status_code == 202
    failing = {"kind": "heavy_work", "payload": {"fail": "Kumquat"}, "maxAttempts": 2}
    assert (await gateway.post("/AsyncTaskWorker/runTask", json=failing)).status_code == 409
    assert "Kumquat" in (await gateway.get("/AsyncTaskWorker/deadLetters")).text

    refused = {"kind": "http_request", "payload": REQUEST, "maxAttempts": 1}
    assert (await gateway.post("/AsyncTaskWorker/runTask", json=refused)).status_code == 409

    job = await gateway.post("/FanOutWorker/run", json={"description": "Jabberwock,Bandersnatch"})
    assert job.json() == {"description": "Jabberwock: DONE, Bandersnatch: DONE"}

    payments, package = f"/PaymentTracker/{KEY}", f"/PackageTracker/{KEY}"
    assert (await gateway.post(f"{payments}/onPaymentFailure", json=EVENT)).status_code == 200
    assert (await gateway.post(f"{payments}/onPaymentSuccess/send?delay=1h", json=EVENT)).status_code == 202
    assert (await gateway.post(f"{package}/registerPackage", json=REGISTRATION)).status_code == 200
    assert (await gateway.post(f"/UserFeed/{KEY}/processPost", json=POST)).status_code == 200

    subscription = {
        "source": "kafka://my-cluster/package-location-updates",
        "sink": "service://PackageTracker/updateLocation",
    }
    assert (await gateway.post("/subscriptions", json=subscription)).status_code == 201
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap) as producer:
        record = httpx2.Request("POST", "http://x", json=LOCATION).content
        await producer.send_and_wait("package-location-updates", record, key=KEY.encode())
        await producer.send_and_wait("package-location-updates", b'{"location": ["Ulaanbaatar"]}', key=KEY.encode())

    async def joined() -> bool:
        return "Ulaanbaatar 5" in (await gateway.get(package)).text

    await eventually(joined)


def found(texts: dict[str, bytes], *terms: str) -> set[tuple[str, str]]:
    """Which text has which term."""
    return {(name, term) for name, text in texts.items() for term in terms if term.encode() in text}


async def _has_status(gateway: httpx2.AsyncClient, path: str, status: str) -> bool:
    return bool((await gateway.get(path)).json().get("status") == status)


async def _stored(stack: Stack) -> dict[str, bytes]:
    """The events of every workflow, the descriptions of every execution, and Temporal's files, byte by byte."""
    client = await Client.connect(stack.temporal_address)
    found: dict[str, bytes] = {}
    async for workflow in client.list_workflows():
        handle = client.get_workflow_handle(workflow.id, run_id=workflow.run_id)
        events = [event.SerializeToString() async for event in handle.fetch_history_events()]
        found[workflow.id] = b"".join(events) + (await handle.describe()).raw_description.SerializeToString()
    async for task in client.list_activities(""):
        described = await client.get_activity_handle(task.activity_id).describe(
            include_input=True, include_outcome=True, include_last_failure=True, include_heartbeat_details=True
        )
        parts = (described.raw_info, described.raw_input, described.raw_outcome)
        found[task.activity_id] = b"".join(part.SerializeToString() for part in parts if part is not None)
    found |= {file.name: file.read_bytes() for file in _files(stack.data.path, "temporal.db*")}
    return found


def _files(folder: Path, pattern: str) -> Iterable[Path]:
    return (file for file in folder.glob(pattern) if file.is_file())


@pytest.fixture(scope="module")
async def played(private: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=private.gateway_url, timeout=60) as gateway:
        await _play(gateway, private)
        yield gateway


async def test_what_a_person_entered_is_nowhere_in_temporal(private: Stack, played: httpx2.AsyncClient) -> None:
    stored = await _stored(private)
    kinds = {name.partition(":")[0] for name in stored}
    assert len(kinds) >= 8, kinds
    assert found(stored, *SECRETS, *CONTENT) == set()
    assert any(KEY.encode() in text for text in stored.values()), "keys are readable, by IDs"


async def test_secrets_are_nowhere_and_content_is_in_the_database_only(
    private: Stack, played: httpx2.AsyncClient
) -> None:
    folder = private.data.path.parent
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    listings = ("/metrics", "/subscriptions", "/openapi.json", "/AsyncTaskWorker/deadLetters")
    answers = {path: (await played.get(path)).content for path in listings}
    assert found(files | answers, *SECRETS) == set()
    kept = {place for place, term in found(files, *CONTENT) if term != REASON}
    assert {place.removesuffix("-wal") for place in kept} == {"data/patterns.db"}
    assert {place for place, _ in found(files, REASON)} <= {"log.txt"}
    log = files["log.txt"].decode()
    for line in ("Reminder 1", "Started executing subtask", "WorkFailed", "127.0.0.1:9"):
        assert line in log
