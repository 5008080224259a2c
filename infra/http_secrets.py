"""Secrets that `http_request` tasks name: their values come from the worker's settings and never enter Temporal."""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import parse_qsl, quote, quote_plus, unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, SecretStr, model_validator

from domain.message_queue import HttpRequest, SecretReference, TaskRejected
from domain.urls import HIDDEN
from infra.http_hosts import HostEntry, target

MAX_SECRET_CHARACTERS = 8_192
_MIN_HIDDEN_CHARACTERS = 6
"""A shorter value is part of too many words to be a secret worth hiding."""
_HARMLESS = {"accept", "accept-encoding", "accept-language", "cache-control", "content-type", "user-agent"}
"""Headers whose values stay readable in a message."""


def _is_a_host(text: str) -> str:
    HostEntry.parse(text)
    return text


HostText = Annotated[str, AfterValidator(_is_a_host)]


class HttpSecret(BaseModel):
    """The value of a header, in the setting or in a file, and the hosts to which it may be sent.

    A caller of the gateway chooses URL and secret of a task; without `hosts` it could send any secret to any host that
    is allowed. Over http a secret is sent only to a host that is named with its port.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    hosts: Annotated[list[HostText], Field(min_length=1)]
    value: SecretStr | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _has_one_value(self) -> Self:
        if (self.value is None) == (self.file is None):
            raise ValueError("give either value or file")
        return self

    def may_go_to(self, url: HttpUrl) -> bool:
        host, port = target(url)
        entries = [HostEntry.parse(each) for each in self.hosts]
        return any(each.matches(host, port, url.scheme) and (each.port or url.scheme == "https") for each in entries)

    def read(self) -> str:
        """Raises `OSError`, `ValueError`."""
        if self.value is not None:
            return self.value.get_secret_value()
        assert self.file is not None, "one of the two is given"
        with self.file.open(encoding="utf-8") as file:
            value = file.read(MAX_SECRET_CHARACTERS + 2).removesuffix("\n").removesuffix("\r")
        if not value or len(value) > MAX_SECRET_CHARACTERS:
            raise ValueError("empty or too long")
        return value


class Secrets:
    """The secrets of the setting `HTTP_TASK_SECRETS`, by name. A file is read again for each request."""

    def __init__(self, secrets: Mapping[str, HttpSecret]) -> None:
        self._secrets = secrets

    def value(self, reference: SecretReference, url: HttpUrl) -> str:
        """Raises `TaskRejected`."""
        name = reference.secret
        secret = self._secrets.get(name)
        if secret is None:
            raise TaskRejected(f"There is no secret {name} in HTTP_TASK_SECRETS. Add it, then redrive the task.")
        if not secret.may_go_to(url):
            raise TaskRejected(
                f"The secret {name} is not for this URL: HTTP_TASK_SECRETS names its hosts, with a port for http."
            )
        try:
            return secret.read()
        except (OSError, ValueError) as error:  # ValueError: not UTF-8, or of no use
            raise TaskRejected(
                f"The file of the secret {name} cannot be used ({type(error).__name__}): it must be readable, UTF-8, "
                f"and have 1 to {MAX_SECRET_CHARACTERS} characters. Repair it, then redrive the task."
            ) from None


class Hiding:
    """Replaces values in a text by `***`, also in the forms in which servers echo them."""

    def __init__(self, values: Iterable[str]) -> None:
        parts = {part for value in values for part in (value, *value.split()) if len(part) >= _MIN_HIDDEN_CHARACTERS}
        self._values = sorted({form for part in parts for form in _forms(part)}, key=len, reverse=True)

    @property
    def longest(self) -> int:
        """Characters of the longest value. A text that is cut must have so many more for `apply_to_beginning`."""
        return len(self._values[0]) if self._values else 0

    def apply(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, HIDDEN)
        return text

    def apply_to_beginning(self, text: str) -> str:
        """For a text that was cut: its end can be the beginning of a value."""
        text = self.apply(text)
        for value in self._values:
            lengths = range(min(len(value) - 1, len(text)), 0, -1)
            if length := next((each for each in lengths if text.endswith(value[:each])), 0):
                return text[:-length] + HIDDEN
        return text


def literal_secrets(request: HttpRequest) -> list[str]:
    """What may be secret in the request itself: its headers, the user and the password and the query of its URL."""
    url = request.url
    credentials = [unquote(each) for each in (url.username, url.password) if each]
    if credentials:
        credentials.append(base64.b64encode(f"{credentials[0]}:{''.join(credentials[1:])}".encode()).decode())
    query = [value for _, value in parse_qsl(url.query or "", keep_blank_values=True)]
    headers = [
        value for name, value in request.headers.items() if isinstance(value, str) and name.lower() not in _HARMLESS
    ]
    return [*headers, *credentials, *query]


def _forms(value: str) -> set[str]:
    in_json = json.dumps(value)[1:-1]
    return {value, in_json, in_json.replace("/", "\\/"), quote(value, safe=""), quote(value), quote_plus(value)}
