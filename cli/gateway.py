"""The gateway as the command line calls it, and whose credentials it uses."""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from pydantic import JsonValue

DEFAULT_URL = "http://127.0.0.1:8080"
PROFILES = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "durable-patterns" / "profiles.toml"
TIMEOUT_SECONDS = 90.0
"""For one answer; longer than a call waits for its outcome by default (`MAX_WAIT`)."""


class Failed(Exception):
    """A call that did not succeed: a line that says why, and the exit code of the command."""

    REFUSED, USAGE, UNREACHABLE = 1, 2, 3

    def __init__(self, message: str, code: int = REFUSED, problem: JsonValue = None) -> None:
        super().__init__(message)
        self.code = code
        self.problem = problem


@dataclass(frozen=True)
class Profile:
    """A gateway, and an API key or a JWT for it."""

    url: str = DEFAULT_URL
    key: str | None = None

    @classmethod
    def find(cls, name: str | None, url: str | None, environment: Mapping[str, str]) -> "Profile":
        """`url` and PATTERNS_KEY, or the profile `name` of the file. Raises `Failed`.

        A key from the file is sent only to the address beside it.
        """
        key = environment.get("PATTERNS_KEY") or None
        if name is None:
            return cls(url or DEFAULT_URL, key)
        profiles = _read(PROFILES)
        if name not in profiles:
            known = ", ".join(sorted(profiles)) or "none"
            raise Failed(f"{PROFILES} has no profile {name}; it has: {known}.", Failed.USAGE)
        found = profiles[name]
        if not isinstance(found, dict) or not isinstance(found.get("url"), str):
            raise Failed(f'{PROFILES}: write [{name}], url = "https://..." and key = "...".', Failed.USAGE)
        if url is not None and url != found["url"]:
            return cls(url, key)
        return cls(found["url"], key or found.get("key"))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Failed(f"{file} cannot be read: {error}", Failed.USAGE) from None


class Gateway:
    """Calls to one gateway. Every method raises `Failed`."""

    def __init__(self, profile: Profile) -> None:
        headers = {"authorization": f"Bearer {profile.key}"} if profile.key else {}
        self._url = profile.url.rstrip("/")
        try:
            self._http = httpx2.Client(base_url=self._url, headers=headers, timeout=TIMEOUT_SECONDS)
        except (httpx2.InvalidURL, ValueError) as error:
            raise Failed(f"{profile.url} is not an address: {error}", Failed.USAGE) from None

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", path, query)

    def post(self, path: str, body: JsonValue = None, headers: Mapping[str, str] | None = None, **query: Any) -> Any:
        return self._call("POST", path, query, body, headers)

    def patch(self, path: str, body: JsonValue) -> Any:
        return self._call("PATCH", path, {}, body)

    def delete(self, path: str) -> Any:
        return self._call("DELETE", path, {})

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: JsonValue = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        content = None if body is None else json.dumps(body).encode()
        sent = {**(headers or {}), **({"content-type": "application/json"} if content is not None else {})}
        with self._reachable():
            answer = self._http.request(method, path, params=given, content=content, headers=sent)
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _failed(answer, self._url)

    def events(self, path: str) -> Iterator[tuple[str, Any]]:
        """The events of a stream, name and data, until it ends."""
        event = ""
        with self._reachable(), self._http.stream("GET", path, timeout=httpx2.Timeout(30)) as answer:
            if not answer.is_success:
                answer.read()
                raise _failed(answer, self._url)
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    yield event, json.loads(value)

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except httpx2.HTTPError as error:
            reason = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
            detail = f"{self._url} does not answer: {reason}. Is the gateway running (make up), and --url right?"
            raise Failed(detail, Failed.UNREACHABLE) from None


def path(*segments: str) -> str:
    """A path of these segments, each percent-encoded."""
    return "/" + "/".join(quote(segment, safe=":@~=") for segment in segments)


def _failed(answer: httpx2.Response, url: str) -> Failed:
    try:
        problem = answer.json()
        detail = str(problem.get("detail", problem.get("status")))
    except (ValueError, AttributeError):
        detail = f"{url} answered {answer.status_code} without a problem document: is --url that of a gateway?"
        return Failed(detail)
    if answer.status_code in (401, 403):
        detail += " Set PATTERNS_KEY, or use a --profile."
    return Failed(f"{answer.status_code} {problem.get('title', '')}: {detail}", problem=problem)
