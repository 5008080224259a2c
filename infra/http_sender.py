"""Calls to URLs on behalf of tasks, to allowed hosts only."""

import string
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import quote

import httpx2
from pydantic import HttpUrl

from domain.message_queue import HttpRequest, HttpResponse, TaskRejected
from infra.http_answers import check_answer

TIMEOUT_SECONDS = 30
MAX_BODY_CHARACTERS = 10_000
_OURS = {"host", "content-length", "transfer-encoding", "idempotency-key"}
_SAFE = string.punctuation.replace("%", "") + " "
"""Headers are ASCII: every other character of a key is percent-encoded."""


class HttpSender:
    """Sends requests to `allowed_hosts`, written `host` or `host:port`. Redirects are not followed."""

    def __init__(self, allowed_hosts: list[str]) -> None:
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # a task must not send the cookies of another
        self._client = httpx2.AsyncClient(
            timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False, cookies=no_cookies
        )

    async def send(self, request: HttpRequest, idempotency_key: str) -> HttpResponse:
        """Return the answer of a receiver that took the request.

        Raises `TaskRejected` for a host that is not allowed and for what HTTP cannot express; for other answers see
        `check_answer`.
        """
        self._must_be_allowed(request.url)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OURS}
        headers["Idempotency-Key"] = quote(idempotency_key, safe=_SAFE)
        try:
            async with self._client.stream(
                request.method, str(request.url), json=request.body, headers=headers
            ) as response:
                body = await _beginning_of(response)
        except (UnicodeEncodeError, httpx2.LocalProtocolError, httpx2.InvalidURL) as error:
            raise TaskRejected(f"HTTP cannot express this request: {_without_value(str(error))}.") from None
        check_answer(request, response, body)
        return HttpResponse(status=response.status_code, body=body)

    async def aclose(self) -> None:
        await self._client.aclose()

    def _must_be_allowed(self, url: HttpUrl) -> None:
        host = (url.host or "").lower()
        if not {host, f"{host}:{url.port}"} & self._allowed:
            raise TaskRejected(f"The host {host} is not in HTTP_TASK_ALLOWED_HOSTS.")


def _without_value(error: str) -> str:
    """The error of a header without the header's value, which may be a secret."""
    before, value, _ = error.partition("header value ")
    return f"{before}{value}".strip()


async def _beginning_of(response: httpx2.Response) -> str:
    text = ""
    async for chunk in response.aiter_text():
        text += chunk
        if len(text) >= MAX_BODY_CHARACTERS:
            break
    return text[:MAX_BODY_CHARACTERS]
