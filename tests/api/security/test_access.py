"""Every operation asks for credentials with its role, as the OpenAPI document says; three are open."""

import json
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute

from api.security.access import OPEN, check_declared, needs
from domain.access import GRANTED, Role
from infra.settings import Settings
from tests.api.routes.test_webhooks import signed
from tests.api.security.gateways import EmptyTemporal, application, bearing, client_of, write_keys

OPEN_OPERATIONS = {("get", "/health"), ("get", "/ready")}
SIGNED = ("post", "/webhooks/stripe")
PLACEHOLDERS = {"invocation_id": "user-feed:a~b", "subscription_id": "unknown", "key": "unknown"}


class Door:
    """A gateway with a key for each role, one with all roles, and one with all for one service."""

    def __init__(self, file: Path) -> None:
        every = sorted(GRANTED)
        entries: dict[str, dict[str, Any]] = {role: {"roles": [role]} for role in every}
        entries |= {"all": {"roles": every}, "feeds": {"roles": every, "services": ["UserFeed"]}}
        self.keys = write_keys(file, entries)
        self.temporal = EmptyTemporal()
        settings = Settings(api_keys_file=file, stripe_webhook_secret="whsec_test")
        self.app = application(settings, self.temporal)
        self.http = client_of(self.app)
        self.operations = [
            (method, path, operation)
            for path, methods in self.app.openapi()["paths"].items()
            for method, operation in methods.items()
        ]

    def bearing(self, name: str) -> dict[str, str]:
        return bearing(self.keys[name])

    async def knock(self, method: str, path: str, headers: dict[str, str]) -> httpx2.Response:
        return await self.http.request(method, path.format(**PLACEHOLDERS), headers=headers)

    def closed(self) -> list[tuple[str, str, Role]]:
        """Method, path and role of those that need a role."""
        return [
            (method, path, Role(operation["security"][0]["Bearer"][0]))
            for method, path, operation in self.operations
            if "Bearer" in operation.get("security", [{}])[0]
        ]


@pytest.fixture(scope="module")
def shared_door(tmp_path_factory: pytest.TempPathFactory) -> Door:
    return Door(tmp_path_factory.mktemp("door") / "keys.json")


@pytest.fixture
def door(shared_door: Door) -> Door:
    shared_door.temporal.asked.clear()
    return shared_door


class TestEveryOperation:
    def test_needs_a_role_or_a_signature_but_for_those_that_are_open(self, door: Door) -> None:
        without = {(method, path) for method, path, operation in door.operations if "security" not in operation}
        assert without == OPEN_OPERATIONS
        assert len(door.closed()) == len(door.operations) - len(OPEN_OPERATIONS) - 1
        [stripe] = [each for *found, each in door.operations if tuple(found) == SIGNED]
        assert stripe["security"] == [{"StripeSignature": ["webhook"]}]

    async def test_refuses_whoever_shows_no_credentials_before_all_else(self, door: Door) -> None:
        for method, path, _ in door.closed():
            for target in (path, f"{path}?no-such=1"):
                answer = await door.knock(method, target, {})
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["type"] == "urn:problem:unauthenticated"
        assert door.temporal.asked == []

    async def test_refuses_every_other_role_and_not_its_own(self, door: Door) -> None:
        for method, path, role in door.closed():
            for other in GRANTED - {role}:
                answer = await door.knock(method, path, door.bearing(other))
                assert (answer.status_code, answer.json()["type"]) == (403, "urn:problem:forbidden"), (path, other)
                assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
                assert role in answer.json()["detail"]
            assert door.temporal.asked == []
            assert (await door.knock(method, path, door.bearing(role))).status_code not in (401, 403), path
            door.temporal.asked.clear()

    async def test_documents_how_it_refuses(self, door: Door) -> None:
        for method, path, operation in door.operations:
            is_closed = (method, path) in {(method, path) for method, path, _ in door.closed()}
            assert ({"401", "403", "503"} <= operation["responses"].keys()) is is_closed or path == "/ready"

    async def test_of_another_service_is_refused_to_a_key_that_names_services(self, door: Door) -> None:
        for method, path, _ in door.closed():
            service = path.split("/")[1]
            if service[0].islower():
                continue
            answer = await door.knock(method, path, door.bearing("feeds"))
            assert (answer.status_code == 403) is (service != "UserFeed"), path

    async def test_on_the_path_of_a_closed_get_refuses_head_too(self, door: Door) -> None:
        answer = await door.http.head("/metrics")
        assert (answer.status_code, answer.content) == (401, b"")


async def test_an_invocation_of_another_service_is_refused_to_a_key_that_names_services(door: Door) -> None:
    for execution, status in (("user-feed:a~b", 404), ("payment-tracker:a~b", 403), ("booking:trip", 403)):
        for method in ("GET", "DELETE"):
            answer = await door.http.request(method, f"/invocations/{execution}", headers=door.bearing("feeds"))
            assert answer.status_code == status, execution


async def test_a_subscription_to_another_service_is_refused_to_a_key_that_names_services(door: Door) -> None:
    body = {"source": "kafka://my-cluster/t", "sink": "service://PackageTracker/updateLocation"}
    answer = await door.http.post("/subscriptions", json=body, headers=door.bearing("feeds"))
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:problem:forbidden")


@pytest.mark.parametrize(
    "names",
    [{"keys": {"UserFeed": ["a"], "BookingWorkflow": ["b"]}}, {"customers": ["c"]}, {"invocations": ["fan-out:a"]}],
)
async def test_an_erasure_in_another_service_is_refused_to_a_key_that_names_services(
    door: Door, names: dict[str, Any]
) -> None:
    answer = await door.http.post("/erasures", json=names, headers=door.bearing("feeds"))
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:problem:forbidden")
    assert door.temporal.asked == []


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/health"])
async def test_the_documentation_is_open(door: Door, path: str) -> None:
    assert (await door.http.get(path)).status_code == 200


async def test_stripe_is_known_by_its_signature_and_by_nothing_else(door: Door) -> None:
    for headers in ({}, door.bearing("all")):
        answer = await door.http.post("/webhooks/stripe", json={}, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:problem:invalid-signature")


@pytest.mark.parametrize("handler", ["onPaymentSuccess", "onPaymentFailure", "onInvoiceClosed"])
async def test_an_invoice_is_not_changed_by_a_stranger(door: Door, handler: str) -> None:
    """Nor with Stripe's signature, which counts for Stripe's own events only."""
    event = {"type": "x", "created": 1, "data": {"id": "evt_1", "customer": "cus_1"}}
    for path in (f"/PaymentTracker/in_1/{handler}", f"/PaymentTracker/in_1/{handler}/send"):
        for headers in ({}, {"Stripe-Signature": signed(json.dumps(event).encode())}):
            answer = await door.http.post(path, content=json.dumps(event), headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (401, "urn:problem:unauthenticated")
    assert door.temporal.asked == []


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic dTpw", "Bearer nonsense", "Bearer a.b.c", "dpk_x"])
async def test_what_is_no_known_key_is_refused_without_being_repeated(door: Door, value: str) -> None:
    answer = await door.http.get("/metrics", headers={"Authorization": value})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert "nonsense" not in answer.text


async def test_two_credentials_are_refused(door: Door) -> None:
    two = [("Authorization", f"Bearer {door.keys[name]}") for name in ("metrics", "all")]
    assert (await door.http.get("/metrics", headers=two)).status_code == 401


async def test_the_scheme_is_read_in_any_case(door: Door) -> None:
    for scheme in ("bearer", "BEARER"):
        answer = await door.http.get("/metrics", headers={"Authorization": f"{scheme} {door.keys['metrics']}"})
        assert answer.status_code == 200


class TestDeclarations:
    @pytest.mark.parametrize(
        ("dependencies", "is_one"),
        [
            ([], False),
            ([Depends(lambda: None)], False),
            (OPEN, True),
            (needs(Role.CALLER), True),
            ([*needs(Role.CALLER), *needs(Role.OPERATOR)], False),
            ([*OPEN, *needs(Role.CALLER)], False),
        ],
    )
    def test_an_operation_starts_only_with_one(self, dependencies: list[Any], is_one: bool) -> None:
        router = APIRouter()
        router.add_api_route("/x", lambda: None, dependencies=dependencies)
        if is_one:
            check_declared(router.routes)
        else:
            with pytest.raises(TypeError, match=r"/x.* must declare once who may call it"):
                check_declared(router.routes)

    def test_what_is_no_operation_does_not_start(self) -> None:
        router = APIRouter()
        router.add_route("/x", lambda _: None)  # type: ignore[arg-type,return-value]
        with pytest.raises(TypeError):
            check_declared(router.routes)

    def test_beside_the_declared_operations_there_is_only_the_documentation(self, door: Door) -> None:
        others = {route.path for route in door.app.routes if isinstance(route, APIRoute)}
        assert others == {"/docs", "/docs/oauth2-redirect", "/redoc"}


async def test_a_token_whose_issuer_does_not_answer_is_a_503_and_a_key_still_counts(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = write_keys(file, {"shop": {"roles": ["metrics"]}})
    settings = Settings(api_keys_file=file, jwt_issuer="i", jwt_audience="a", jwt_jwks=str(tmp_path / "missing.json"))
    http = client_of(application(settings))
    token = jwt.encode({}, rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": "one"})
    answer = await http.get("/metrics", headers=bearing(token))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem:issuer-unavailable")
    assert answer.headers["retry-after"] == "2"
    assert (await http.get("/metrics", headers=bearing(keys["shop"]))).status_code == 200
