"""JWTs (RFC 7519) of an issuer, and the public keys with which it signs them (RFC 7517)."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jwt
from jwt import PyJWK, PyJWKClient, PyJWKSet

from domain.access import DEFAULT_TENANT, GRANTED, Caller, Role, valid_tenant
from infra.settings import Settings

log = logging.getLogger("api")

FRESH_SECONDS = 300.0
"""How long the issuer's keys are used without asking it: so long may a key that it withdraws still count."""
STALE_SECONDS = 3600.0
"""How long they are used while the issuer does not answer."""
COOLDOWN_SECONDS = 10.0
"""Between two questions to the issuer, whatever tokens come: a token can name a key that does not exist."""
FETCH_SECONDS = 5.0
"""For each step of the issuer's answer: its connection, its next bytes."""
WAIT_SECONDS = 10.0
"""How long a token waits for it in all."""
LEEWAY_SECONDS = 30
"""How far the issuer's clock may be from ours."""
MAX_NAME_CHARACTERS = 200


class InvalidToken(Exception):
    """The token does not count; the message says why, without its content."""


class IssuerUnavailable(Exception):
    """There are no keys to check tokens with: the issuer has not answered."""


class SigningKeys:
    """The issuer's keys by their ID, from a URL or a file.

    A token waits for the issuer only if there is nothing to check it with: known keys are refreshed aside.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._load = _loader(source)
        self._keys: Mapping[str, PyJWK] = {}
        self._read_at = self._asked_at = -STALE_SECONDS
        self._asking: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> PyJWK:
        """Raises `InvalidToken` if the issuer has no such key, `IssuerUnavailable`."""
        if key_id not in self._keys or self._age() >= FRESH_SECONDS:
            asking = self._ask()
            if asking and (key_id not in self._keys or self._age() >= STALE_SECONDS):
                await asyncio.wait({asking}, timeout=WAIT_SECONDS)
        if self._age() >= STALE_SECONDS:
            raise IssuerUnavailable
        if key_id not in self._keys:
            raise InvalidToken("its key is not one of the issuer's")
        return self._keys[key_id]

    def _age(self) -> float:
        return time.monotonic() - self._read_at

    def _ask(self) -> asyncio.Task[None] | None:
        """Ask the issuer, unless it was asked just before: one question at a time, whatever tokens come."""
        if self._asking is None or self._asking.done():
            if time.monotonic() - self._asked_at < COOLDOWN_SECONDS:
                return None
            self._asked_at = time.monotonic()
            self._asking = asyncio.create_task(self._read())
        return self._asking

    async def _read(self) -> None:
        try:
            keys = await asyncio.to_thread(self._load)
        except (jwt.PyJWTError, OSError, ValueError) as error:
            log.warning("The keys of JWT_JWKS, %s, cannot be read: %s", self._source, error)
        else:
            self._keys = {key.key_id: key for key in keys if key.key_id}
            self._read_at = time.monotonic()


def _loader(source: str) -> Callable[[], list[PyJWK]]:
    if "://" not in source:
        return lambda: list(PyJWKSet.from_json(Path(source).read_text()).keys)
    client = PyJWKClient(source, cache_jwk_set=False, timeout=FETCH_SECONDS)
    return lambda: client.get_signing_keys(refresh=True)


class Tokens:
    """Reads tokens of one issuer for one audience."""

    def __init__(self, settings: Settings) -> None:
        """`settings` have an issuer."""
        assert settings.jwt_jwks is not None, "the settings go together"
        self._issuer, self._audience = settings.jwt_issuer, settings.jwt_audience
        self._algorithms = list(settings.jwt_algorithms)
        self._tenant_claim, self._roles_claim = settings.jwt_tenant_claim, settings.jwt_roles_claim
        self._keys = SigningKeys(settings.jwt_jwks)

    async def read(self, token: str) -> Caller:
        """Whose token it is. Raises `InvalidToken`, `IssuerUnavailable`."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):  # also of its parsers: the header can be anything
            raise InvalidToken("it is neither an API key nor a JWT") from None
        if header.get("alg") not in self._algorithms:
            raise InvalidToken(f"it is not signed with {' or '.join(self._algorithms)}")
        if not isinstance(key_id := header.get("kid"), str):
            raise InvalidToken("it does not say which key it is signed with (kid)")
        return self._caller(self._claims(token, await self._keys.find(key_id)))

    def _claims(self, token: str, key: PyJWK) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise InvalidToken(_reason(error)) from None
        return claims

    def _caller(self, claims: dict[str, Any]) -> Caller:
        roles = _claim(claims, self._roles_claim)
        names = roles.split() if isinstance(roles, str) else roles if isinstance(roles, list) else []
        tenant = DEFAULT_TENANT if self._tenant_claim is None else _claim(claims, self._tenant_claim)
        try:
            return Caller(
                name=str(claims["sub"])[:MAX_NAME_CHARACTERS],
                tenant=valid_tenant(tenant if isinstance(tenant, str) else ""),
                roles=frozenset(Role(name) for name in names if isinstance(name, str) and name in GRANTED),
            )
        except ValueError as error:
            raise InvalidToken(f"its claim {self._tenant_claim} names no tenant: {error}") from None


def _claim(claims: dict[str, Any], path: str) -> Any:
    """The claim with this name; or, since claims can be nested, with this path, as `realm_access.roles`."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


_REASONS: dict[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.InvalidIssuerError: "it has another issuer",
    jwt.InvalidSignatureError: "its signature is wrong",
}


def _reason(error: jwt.PyJWTError) -> str:
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"its claim {error.claim} is missing"
    return next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), "it is malformed")
