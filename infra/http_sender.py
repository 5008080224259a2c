"""Calls to URLs on behalf of tasks, to allowed hosts only."""

import asyncio
import re
import string
from collections.abc import Mapping, Sequence
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import quote

import httpx2

from domain.message_queue import HttpRequest, HttpResponse, SecretReference, TaskRejected, TryAgainLater
from domain.urls import shown
from infra.http_answers import check_answer
from infra.http_bodies import Beginning, CannotDecode, beginning_of
from infra.http_hosts import AllowedHosts, Network
from infra.http_network import CheckedNetwork, CheckedTransport, Resolve, resolve
from infra.http_secrets import Hiding, HttpSecret, Secrets, literal_secrets
from infra.tracing import spans

DEFAULT_TIMEOUT = timedelta(seconds=30)
MAX_TIMEOUT = timedelta(minutes=9)
"""An attempt of a task has 10 minutes."""
MAX_BODY_CHARACTERS = 10_000
MAX_CONNECTIONS = 100
_OURS = {"host", "content-length", "transfer-encoding", "idempotency-key"}
_SAFE = string.punctuation.replace("%", "") + " "
"""Headers are ASCII: every other character of a key is percent-encoded."""
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


class HttpSender:
    """Sends requests to `allowed_hosts`, see `AllowedHosts`. Redirects are not followed.

    `timeout` is for the whole request, from the resolution of the name to the last byte of the answer that is read.
    """

    def __init__(
        self,
        allowed_hosts: Sequence[str],
        allowed_networks: Sequence[Network] = (),
        secrets: Mapping[str, HttpSecret] | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,
        resolve: Resolve = resolve,
    ) -> None:
        self._allowed = AllowedHosts.of(allowed_hosts, allowed_networks)
        self._secrets = Secrets(secrets or {})
        self._timeout = timeout
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # a task must not send the cookies of another
        self._client = httpx2.AsyncClient(
            transport=CheckedTransport(CheckedNetwork(self._allowed, resolve), MAX_CONNECTIONS),
            timeout=httpx2.Timeout(None, connect=timeout.total_seconds()),
            headers={"Accept-Encoding": "gzip"},
            follow_redirects=False,
            trust_env=False,
            cookies=no_cookies,
        )

    async def send(self, request: HttpRequest, idempotency_key: str) -> HttpResponse:
        """Return the answer of a receiver that took the request.

        Raises `TaskRejected` for a host or an address that is not allowed, for a secret that is not there and for what
        HTTP cannot express, `TryAgainLater` for no answer in time or none in HTTP. For other answers see
        `check_answer`.
        """
        if not self._allowed.allow(request.url):
            host = f"{request.url.host}:{request.url.port}"
            raise TaskRejected(f"The host {host} is not in HTTP_TASK_ALLOWED_HOSTS.")
        secrets = {
            name: self._secrets.value(value, request.url)
            for name, value in request.headers.items()
            if isinstance(value, SecretReference)
        }
        headers = _headers(request, secrets)
        headers["Idempotency-Key"] = quote(idempotency_key, safe=_SAFE)
        hiding = Hiding(secrets.values())
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                answer, text, unread = await self._answer(request, headers, hiding)
        except TimeoutError:
            limit = f"{self._timeout.total_seconds():g} s (HTTP_TASK_TIMEOUT)"
            raise TryAgainLater(f"{shown(request.url)} did not answer completely within {limit}.") from None
        except httpx2.LocalProtocolError:
            raise TaskRejected(f"HTTP cannot express this request to {shown(request.url)}.") from None
        except httpx2.TransportError as error:
            # Not the library's text: it can repeat what the receiver sent.
            raise TryAgainLater(f"{shown(request.url)} gave no answer: {type(error).__name__}.") from None
        check_answer(request, answer, text, Hiding([*secrets.values(), *literal_secrets(request)]))
        return HttpResponse(status=answer.status_code, body=text, unread=unread)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _answer(
        self, request: HttpRequest, headers: dict[str, str], hiding: Hiding
    ) -> tuple[httpx2.Response, str, str | None]:
        try:
            built = self._client.build_request(request.method, str(request.url), json=request.body, headers=headers)
        except (ValueError, httpx2.InvalidURL):
            raise TaskRejected(f"HTTP cannot express this request to {shown(request.url)}.") from None
        with spans.span(request.method, "CLIENT", attributes={"http.request.method": request.method}) as span:
            built.headers.update(spans.headers())  # in place of what the task says about its trace
            answer = await self._client.send(built, stream=True)
            span.attribute("http.response.status_code", answer.status_code)
            try:
                beginning = await beginning_of(answer, MAX_BODY_CHARACTERS + hiding.longest)
            except CannotDecode as error:
                return answer, "", str(error)
            finally:
                await answer.aclose()
        return answer, _without_secrets(beginning, hiding)[:MAX_BODY_CHARACTERS], None


def _headers(request: HttpRequest, secrets: Mapping[str, str]) -> dict[str, str]:
    """The headers with their secrets. Raises `TaskRejected`, which names a header but does not repeat its value."""
    headers = dict[str, str]()
    for name, given in request.headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise TaskRejected("HTTP cannot express this request: the name of a header must be letters, digits and -.")
        value = secrets[name] if isinstance(given, SecretReference) else given
        if not _HEADER_VALUE.fullmatch(value):
            raise TaskRejected(
                f"HTTP cannot express this request: the value of the header {name[:100]} has a character that is not "
                "printable ASCII, such as a line break."
            )
        if name.lower() not in _OURS:
            headers[name] = value.strip()
    return headers


def _without_secrets(beginning: Beginning, hiding: Hiding) -> str:
    return hiding.apply(beginning.text) if beginning.is_whole else hiding.apply_to_beginning(beginning.text)
