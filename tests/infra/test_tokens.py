"""JWTs: only what the issuer signed for us counts, and the issuer is not asked for each."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from hmac import digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from domain.access import Caller, Role
from infra import tokens
from infra.settings import Settings
from infra.tokens import InvalidToken, IssuerUnavailable, Tokens
from tests.eventually import eventually

ISSUER, AUDIENCE = "https://issuer.example", "patterns"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


def key_set(**keys: Any) -> dict[str, Any]:
    found = []
    for key_id, private in keys.items():
        algorithm = RSAAlgorithm if isinstance(private, rsa.RSAPrivateKey) else ECAlgorithm
        found.append(json.loads(algorithm.to_jwk(private.public_key())) | {"kid": key_id, "use": "sig"})
    return {"keys": found}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    every = {"iss": ISSUER, "aud": AUDIENCE, "sub": "shop", "iat": now, "exp": now + 300, "roles": ["caller"]}
    return {name: value for name, value in (every | changes).items() if value is not None}


def token(key: Any = RSA, algorithm: str = "RS256", key_id: str | None = "one", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": key_id} if key_id else None)


def reader(source: Path | str, **more: Any) -> Tokens:
    return Tokens(Settings(jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwt_jwks=str(source), **more))


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(key_set(one=RSA, two=EC)))
    return file


async def test_a_token_of_the_issuer_counts(jwks: Path) -> None:
    expected = Caller("shop", "default", frozenset({Role.CALLER}))
    assert await reader(jwks).read(token()) == expected
    assert await reader(jwks).read(token(EC, "ES256", "two")) == expected
    assert await reader(jwks).read(token(aud=["another", AUDIENCE])) == expected


PUBLIC = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
HOUR = 3600


def _signed_with_the_public_key() -> str:
    """The old trick: an HMAC under the key that everyone knows. PyJWT does not make it, so it is made by hand."""

    def part(value: Any) -> bytes:
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    signed = part({"alg": "HS256", "kid": "one", "typ": "JWT"}) + b"." + part(claims())
    return (signed + b"." + urlsafe_b64encode(digest(PUBLIC, signed, sha256)).rstrip(b"=")).decode()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda: token(exp=int(time.time()) - HOUR), "has expired"),
        (lambda: token(nbf=int(time.time()) + HOUR), "is not valid yet"),
        (lambda: token(aud="another"), "another audience"),
        (lambda: token(iss="https://another"), "another issuer"),
        (lambda: token(OTHER_RSA), "signature is wrong"),
        (lambda: token(exp=None), "exp is missing"),
        (lambda: token(aud=None), "aud is missing"),
        (lambda: token(iss=None), "iss is missing"),
        (lambda: token(sub=None), "sub is missing"),
        (lambda: token(key_id="three"), "not one of the issuer's"),
        (lambda: token(key_id=None), "kid"),
        (lambda: token(key_id="two"), "malformed"),
        (lambda: token(algorithm="RS512"), "not signed with RS256 or ES256"),
        (lambda: jwt.encode(claims(), "", "none", headers={"kid": "one"}), "not signed with"),
        (_signed_with_the_public_key, "not signed with"),
        (lambda: token()[:-6], "signature is wrong|neither"),
        (lambda: f"{urlsafe_b64encode(b'[' * 12_000).decode()}.b.c", "neither"),
        (lambda: f"{urlsafe_b64encode(b'[]').decode()}.b.c", "neither"),
        (
            lambda: f"{urlsafe_b64encode(json.dumps({'alg': ['RS256'], 'kid': 'one'}).encode()).decode()}.b.c",
            "sign|neither",
        ),
        (lambda: "é.b.c", "neither"),
        (lambda: "\xff", "neither"),
        (lambda: "a.b.c", "neither"),
        (lambda: "nonsense", "neither"),
        (lambda: "", "neither"),
    ],
)
async def test_another_token_does_not(jwks: Path, wrong: Any, reason: str) -> None:
    text = wrong()
    with pytest.raises(InvalidToken, match=reason) as refused:
        await reader(jwks).read(text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("setting", "given", "roles"),
    [
        ("roles", {"roles": ["operator", "metrics", "admin"]}, {Role.OPERATOR, Role.METRICS}),
        ("scope", {"scope": "openid caller operator"}, {Role.CALLER, Role.OPERATOR}),
        ("realm_access.roles", {"realm_access": {"roles": ["caller"]}}, {Role.CALLER}),
        ("https://acme.example/roles", {"https://acme.example/roles": ["caller"]}, {Role.CALLER}),
        ("roles", {"roles": ["webhook"]}, set()),
        ("roles", {"roles": None}, set()),
        ("roles", {"roles": {"caller": True}}, set()),
        ("roles", {"roles": [["caller"], 1, None]}, set()),
        ("other", {}, set()),
    ],
)
async def test_its_roles_are_those_of_the_claim_that_are_ours(
    jwks: Path, setting: str, given: dict[str, Any], roles: set[Role]
) -> None:
    caller = await reader(jwks, jwt_roles_claim=setting).read(token(**given))
    assert caller.roles == roles


async def test_its_tenant_is_that_of_the_claim(jwks: Path) -> None:
    assert (await reader(jwks).read(token(org="acme"))).tenant == "default"
    assert (await reader(jwks, jwt_tenant_claim="org").read(token(org="acme"))).tenant == "acme"
    assert (await reader(jwks, jwt_tenant_claim="org.id").read(token(org={"id": "acme"}))).tenant == "acme"


@pytest.mark.parametrize("tenant", [None, "", "a/b", "a:b", "a b", 7, ["acme"], "a" * 64, "-a", "a\n"])
async def test_without_a_tenant_where_one_is_asked_it_does_not_count(jwks: Path, tenant: Any) -> None:
    with pytest.raises(InvalidToken, match="org names no tenant"):
        await reader(jwks, jwt_tenant_claim="org").read(token(org=tenant))


class Issuer:
    """Serves a set of keys, and counts how often it is asked."""

    def __init__(self) -> None:
        self.answer: tuple[int, dict[str, Any]] = (200, key_set(one=RSA))
        self.asked = 0
        self.answers = Event()
        self.answers.set()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                issuer.answers.wait()
                status, body = issuer.answer
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    thread = Thread(target=issuer.server.serve_forever, args=[0.01])
    thread.start()
    yield issuer
    issuer.answers.set()
    issuer.server.shutdown()
    thread.join()
    issuer.server.server_close()


async def test_the_issuer_is_asked_once_for_many_tokens(issuer: Issuer) -> None:
    tokens_of = reader(issuer.url)
    await asyncio.gather(*(tokens_of.read(token()) for _ in range(20)))
    assert issuer.asked == 1


async def test_tokens_with_invented_keys_do_not_make_it_asked(issuer: Issuer) -> None:
    tokens_of = reader(issuer.url)
    for number in range(20):
        with pytest.raises(InvalidToken):
            await tokens_of.read(token(key_id=f"invented-{number}"))
    assert issuer.asked == 1


async def test_a_new_key_of_the_issuer_counts_after_the_cooldown(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens_of = reader(issuer.url)
    await tokens_of.read(token())
    issuer.answer = (200, key_set(two=EC))
    with pytest.raises(InvalidToken):
        await tokens_of.read(token(EC, "ES256", "two"))
    monkeypatch.setattr(tokens, "COOLDOWN_SECONDS", 0.0)
    assert (await tokens_of.read(token(EC, "ES256", "two"))).name == "shop"
    with pytest.raises(InvalidToken):
        await tokens_of.read(token())


async def test_while_the_issuer_does_not_answer_known_keys_count_for_a_time(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens_of = reader(issuer.url)
    await tokens_of.read(token())
    issuer.answer = (500, {})
    monkeypatch.setattr(tokens, "COOLDOWN_SECONDS", 0.0)
    monkeypatch.setattr(tokens, "FRESH_SECONDS", 0.0)
    await tokens_of.read(token())
    await eventually(lambda: issuer.asked == 2)
    monkeypatch.setattr(tokens, "STALE_SECONDS", 0.0)
    with pytest.raises(IssuerUnavailable):
        await tokens_of.read(token())


async def test_no_token_of_a_known_key_waits_for_an_issuer_that_hangs(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens_of = reader(issuer.url)
    await tokens_of.read(token())
    issuer.answers.clear()
    monkeypatch.setattr(tokens, "COOLDOWN_SECONDS", 0.0)
    monkeypatch.setattr(tokens, "FRESH_SECONDS", 0.0)
    for _ in range(5):
        await tokens_of.read(token())
    await eventually(lambda: issuer.asked == 2)
    monkeypatch.setattr(tokens, "WAIT_SECONDS", 0.1)
    with pytest.raises(InvalidToken):
        await tokens_of.read(token(key_id="unknown"))
    assert issuer.asked == 2


@pytest.mark.parametrize("answer", [(500, {}), (302, {}), (200, {}), (200, {"keys": []}), (200, {"keys": "x"})])
async def test_an_issuer_that_was_never_of_use_makes_tokens_unreadable(issuer: Issuer, answer: Any) -> None:
    issuer.answer = answer
    tokens_of = reader(issuer.url)
    for _ in range(2):
        with pytest.raises(IssuerUnavailable):
            await tokens_of.read(token())
    assert issuer.asked == 1


async def test_a_file_of_keys_is_read_again_too(jwks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens_of, replace = reader(jwks), jwks.write_text
    await tokens_of.read(token())
    monkeypatch.setattr(tokens, "COOLDOWN_SECONDS", 0.0)
    replace(json.dumps(key_set(one=RSA, three=OTHER_RSA)))
    await tokens_of.read(token(OTHER_RSA, key_id="three"))
