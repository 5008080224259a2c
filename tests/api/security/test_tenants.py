"""What an operation asks Temporal for belongs to the caller's tenant, whatever the request says."""

from pathlib import Path

import httpx2
import pytest

from domain.access import GRANTED
from infra.settings import Settings
from tests.api.security.gateways import EmptyTemporal, application, bearing, client_of, write_keys

BODIES = {
    "runTask": {"kind": "heavy_work"},
    "onPaymentFailure": {"type": "t", "created": 1, "data": {"id": "evt_1", "customer": "cus_1"}},
    "onPaymentSuccess": {"type": "t", "created": 1, "data": {"id": "evt_1", "customer": "cus_1"}},
    "onInvoiceClosed": {"type": "invoice.voided", "created": 1, "data": {"id": "evt_1", "status": "void"}},
    "FanOutWorker/run": {"description": "a,b"},
    "processPost": {"content": "Hi", "metadata": ""},
    "reviewPost": {"postId": "p", "approved": True},
    "resolveCompensation": {"compensation": "refund payment", "retry": True},
    "registerPackage": {"finalDestination": "Paris"},
    "updateLocation": {"timestamp": "2024-10-10 13:00", "location": "Paris"},
    "/subscriptions/{subscription_id}": {"status": "PAUSED"},
    "/deadLetters/redrive": {"all": True},
    "resolveCompensations": {"all": True, "retry": True},
    "/invocations/cancel": {"status": "RUNNING"},
}
"""By the end of the path, without `/send`. The others are tried on a stack: tests/integration/test_tenants.py."""
ELSEWHERE = {
    ("post", "/BookingWorkflow/{key}/run"),
    ("post", "/subscriptions"),
    ("post", "/webhooks/stripe"),
    ("post", "/codec/decode"),
    ("post", "/codec/encode"),
    ("post", "/erasures"),
}
"""These need a database, Kafka or a signature; the codec asks for no execution, an erasure for those it names."""


class Tenants:
    """A gateway with a key for each of three tenants."""

    def __init__(self, file: Path) -> None:
        names = ("default", "acme", "globex")
        self.keys = write_keys(file, {name: {"tenant": name, "roles": sorted(GRANTED)} for name in names})
        self.temporal = EmptyTemporal()
        self.app = application(Settings(api_keys_file=file), self.temporal)
        self.http = client_of(self.app)

    async def asked(self, tenant: str, method: str, path: str) -> list[str]:
        """The IDs and queries that the operation sends to Temporal for a caller of `tenant`."""
        self.temporal.asked.clear()
        end = path.removesuffix("/send")
        body = next((body for name, body in BODIES.items() if end.endswith(name)), None)
        target = path.replace("{key}", "k").replace("{subscription_id}", "s")
        target = target.replace("{invocation_id}", ids(tenant)["user-feed" if "Async" not in path else "message-queue"])
        answer = await self.http.request(
            method, target, json=body if method in ("post", "patch") else None, headers=bearing(self.keys[tenant])
        )
        assert answer.status_code in (200, 404, 409, 503), f"{path}: give it a body in BODIES: {answer.text}"
        return [*self.temporal.asked]


def ids(tenant: str) -> dict[str, str]:
    """An invocation's ID of each kind, as the tenant's answers have it."""
    owner = "" if tenant == "default" else f"{tenant}=2F"
    return {kind: f"{owner}{kind}:x{'~m' if kind in ENTITIES else ''}" for kind in KINDS}


ENTITIES = ("user-feed", "payment-tracker", "package-tracker")
KINDS = (*ENTITIES, "booking", "fan-out", "message-queue")


@pytest.fixture(scope="module")
def shared_tenants(tmp_path_factory: pytest.TempPathFactory) -> Tenants:
    return Tenants(tmp_path_factory.mktemp("tenants") / "keys.json")


@pytest.fixture
def tenants(shared_tenants: Tenants) -> Tenants:
    shared_tenants.temporal.asked.clear()
    return shared_tenants


async def test_every_operation_asks_for_executions_of_the_callers_tenant_only(tenants: Tenants) -> None:
    asking = 0
    for path, operations in tenants.app.openapi()["paths"].items():
        for method, operation in operations.items():
            if "security" not in operation or (method, path.removesuffix("/send")) in ELSEWHERE or path == "/metrics":
                continue
            of_acme, of_default = [await tenants.asked(tenant, method, path) for tenant in ("acme", "default")]
            assert of_acme, path
            assert len(of_acme) == len(of_default)
            for acme, default in zip(of_acme, of_default, strict=True):
                assert acme.startswith("acme/") or " STARTS_WITH 'acme/" in acme, path
                assert "/" not in default, path
            asking += 1
    assert asking > 25


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", ["", "/output", "/attach"])
async def test_an_invocation_of_another_tenant_is_unknown_and_not_asked_for(
    tenants: Tenants, kind: str, suffix: str
) -> None:
    for caller in tenants.keys:
        for owner in tenants.keys.keys() - {caller}:
            path = f"/invocations/{ids(owner)[kind]}{suffix}"
            answers = [await tenants.http.get(path, headers=bearing(tenants.keys[caller]))]
            if not suffix:
                answers.append(await tenants.http.delete(path, headers=bearing(tenants.keys[caller])))
            for answer in answers:
                assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem:not-found")
    assert tenants.temporal.asked == []


@pytest.mark.parametrize("path", ["/invocations/cancel", "/AsyncTaskWorker/deadLetters/redrive"])
async def test_in_a_selection_the_ids_of_another_tenant_are_unknown_and_not_asked_for(
    tenants: Tenants, path: str
) -> None:
    for caller in tenants.keys:
        others = [ids(owner)[kind] for owner in tenants.keys.keys() - {caller} for kind in KINDS]
        answer = await tenants.http.post(path, json={"invocationIds": others}, headers=bearing(tenants.keys[caller]))
        reported = answer.json()["items"]
        assert [each["invocationId"] for each in reported] == others
        assert {(each["outcome"], each["type"]) for each in reported} == {("REFUSED", "urn:problem:not-found")}
    assert tenants.temporal.asked == []


@pytest.mark.parametrize("key", ["acme%2Fbooking:trip", "acme=2Fbooking:trip", "..%2Facme%2Fbooking:trip", "acme/x"])
async def test_no_key_names_an_execution_of_another_tenant(tenants: Tenants, key: str) -> None:
    for path in (f"/UserFeed/{key}", f"/PackageTracker/{key}/getPackageInfo"):
        answer: httpx2.Response = await tenants.http.get(path, headers=bearing(tenants.keys["default"]))
        assert answer.status_code in (400, 404)
    assert not any("/" in asked for asked in tenants.temporal.asked)


async def test_a_caller_without_credentials_is_of_the_default_tenant() -> None:
    temporal = EmptyTemporal()
    await client_of(application(Settings(), temporal)).get("/UserFeed/ann")
    assert temporal.asked == ["user-feed:ann"]
