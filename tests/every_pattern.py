"""Calls to every pattern, with contents that are found wherever they turn up."""

import uuid

import httpx2
from aiokafka import AIOKafkaProducer

from devstack.stack import Stack
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


async def play(gateway: httpx2.AsyncClient, stack: Stack) -> None:
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

    async def listed() -> bool:  # Temporal's index of executions is a moment late
        return "Kumquat" in (await gateway.get("/AsyncTaskWorker/deadLetters")).text

    await eventually(listed)

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
