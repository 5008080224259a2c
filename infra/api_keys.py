"""API keys: a file has their hashes, and is read again when it changes.

A key is 256 random bits, so its SHA-256 is safe to store: it cannot be guessed and tried, as a password can, and a slow
hash, made for passwords, would only cost each request milliseconds.
"""

import hashlib
import hmac
import logging
import re
import secrets
import time
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain.access import DEFAULT_TENANT, GRANTED, Caller, Role, valid_tenant
from domain.patterns import PATTERNS
from domain.payload import check_json

log = logging.getLogger("api")

PREFIX = "dpk_"
"""Every key begins with it: people and scanners for secrets see what it is."""
CHECK_SECONDS = 1.0
"""How often the file is looked at: a change takes effect within this time."""
_KEY = re.compile(f"{PREFIX}[A-Za-z0-9_-]{{43}}")
_SERVICES = frozenset(pattern.service for pattern in PATTERNS)


def _granted(role: Role) -> Role:
    if role not in GRANTED:
        raise ValueError(f"no API key has this role, write {', '.join(sorted(GRANTED))}")
    return role


def _known(service: str) -> str:
    if service not in _SERVICES:
        raise ValueError(f"no such service, there are {', '.join(sorted(_SERVICES))}")
    return service


class ApiKey(BaseModel):
    """An entry of the file. Two keys of one client overlap while the client changes from the old to the new one."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """Whose key it is; logs have it."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    tenant: Annotated[str, AfterValidator(valid_tenant)] = DEFAULT_TENANT
    roles: Annotated[frozenset[Annotated[Role, AfterValidator(_granted)]], Field(min_length=1)]
    services: Annotated[frozenset[Annotated[str, AfterValidator(_known)]], Field(min_length=1)] | None = None
    """The services that it may call; null for all."""

    @property
    def caller(self) -> Caller:
        return Caller(self.name, self.tenant, self.roles, self.services)


_ENTRIES = TypeAdapter(list[ApiKey])


class UnusableKeys(Exception):
    """The file of API keys cannot be used; the message says why, without the file's content."""


def new_key() -> tuple[str, str]:
    """A new key, and its hash for the file."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, hash_of(key)


def hash_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def is_api_key(credential: str) -> bool:
    """Whether a credential has the form of an API key, known or not."""
    return _KEY.fullmatch(credential) is not None


def read_keys(path: Path) -> list[ApiKey]:
    """Read the entries of a file. Raises `UnusableKeys`."""
    try:
        raw = path.read_bytes()
        check_json(raw)
        entries = _ENTRIES.validate_json(raw)
    except OSError as error:
        raise UnusableKeys(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise UnusableKeys(
            f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}".replace(": : ", ": ")
        ) from None
    except ValueError as error:  # not JSON; its text has no more of the file than the name of a repeated field
        raise UnusableKeys(f"{path} is not JSON: {error}") from None
    for what in ("name", "sha256"):
        values = [getattr(entry, what) for entry in entries]
        if len(set(values)) < len(values):
            raise UnusableKeys(f"{path}: two entries have the same {what}")
    return entries


class ApiKeys:
    """The keys of a file. Raises `UnusableKeys` if it cannot be used now; later, the last usable state stays valid."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = read_keys(path)
        self._seen = self._state()
        self._checked_at = time.monotonic()

    def find(self, key: str) -> Caller | None:
        """Whose key it is. It is compared with each hash, in a time that shows nothing of either."""
        self._read_again_if_changed()
        presented = hash_of(key)
        found: Caller | None = None
        for entry in self._entries:
            if hmac.compare_digest(entry.sha256, presented):
                found = entry.caller
        return found

    def _read_again_if_changed(self) -> None:
        if time.monotonic() - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = time.monotonic()
        state = self._state()
        if state == self._seen:
            return
        self._seen = state
        try:
            self._entries = read_keys(self._path)
        except UnusableKeys as error:
            log.warning("The API keys stay as they were before the file changed: %s.", error)
        else:
            log.info("Read %d API keys from %s, which had changed.", len(self._entries), self._path)

    def _state(self) -> tuple[int, ...] | None:
        """What changes when the file does; None if it is not there."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
