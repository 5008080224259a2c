"""Credentials: an API key or a JWT, in the header `Authorization: Bearer`.

Without any configured, every caller counts as one with all roles; the gateway then listens on loopback only.
"""

import ipaddress
import socket
from dataclasses import dataclass

from domain.access import DEFAULT_TENANT, GRANTED, Caller
from infra.api_keys import ApiKeys, UnusableKeys, is_api_key
from infra.settings import Settings
from infra.tokens import InvalidToken, Tokens

ANYONE = Caller("anyone on this machine", DEFAULT_TENANT, GRANTED)


class Unauthenticated(Exception):
    """The credentials do not count; the message says why, without them."""


@dataclass(frozen=True)
class Authentication:
    """What credentials count: those of `keys`, those of `tokens`; if neither is there, none are needed."""

    keys: ApiKeys | None = None
    tokens: Tokens | None = None

    @property
    def is_open(self) -> bool:
        return self.keys is None and self.tokens is None

    async def identify(self, credential: str) -> Caller:
        """Whose credential it is. Raises `Unauthenticated`, `IssuerUnavailable`."""
        if is_api_key(credential):
            caller = self.keys.find(credential) if self.keys else None
            if caller is None:
                raise Unauthenticated("The API key is not known: it may have been replaced.")
            return caller
        if self.tokens is None:
            raise Unauthenticated("The credential is not an API key.")
        try:
            return await self.tokens.read(credential)
        except InvalidToken as error:
            raise Unauthenticated(f"The token does not count: {error}.") from None


def authentication(settings: Settings) -> Authentication:
    """What the settings ask for. Raises `SystemExit` with a line if the API keys cannot be read."""
    try:
        keys = ApiKeys(settings.api_keys_file) if settings.api_keys_file else None
    except UnusableKeys as error:
        raise SystemExit(f"API_KEYS_FILE: {error}") from None
    return Authentication(keys, Tokens(settings) if settings.jwt_issuer else None)


def check_exposure(callers: Authentication, host: str) -> str | None:
    """What to say at start about who can call a gateway that listens on `host`; None if callers need credentials.

    Raises `SystemExit` if others than this machine could call it without credentials.
    """
    if not callers.is_open:
        return None
    if is_loopback(host):
        return f"Open: whoever reaches {host} may call everything. API_KEYS_FILE or JWT_ISSUER asks for credentials."
    raise SystemExit(
        f"GATEWAY_HOST: {host!r} can be reached from other machines, and no credentials are configured. Set "
        "API_KEYS_FILE (make a key: python -m api keys NAME --role caller) or JWT_ISSUER, or listen on 127.0.0.1."
    )


def is_loopback(host: str) -> bool:
    """Whether a server that listens on `host` can be reached from this machine only."""
    if not host:  # every address
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(str(address[0]).split("%")[0]).is_loopback for *_, address in found)
