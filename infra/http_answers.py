"""What the answer of a task's receiver means: delivered, rejected for good, or to be tried again."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

import httpx2

from domain.formats import read_http_date
from domain.message_queue import HttpRequest, TaskRejected, TryAgainLater
from domain.urls import shown
from infra.http_secrets import Hiding

MAX_RETRY_AFTER = timedelta(hours=1)
"""A receiver that asks for a longer pause is asked again after this one."""
_TRY_AGAIN = {408, 425, 429}
_NOT_MODIFIED = 304
_CONDITIONS = {"if-none-match", "if-modified-since"}
_SECONDS = re.compile("[0-9]+")


def check_answer(request: HttpRequest, response: httpx2.Response, body: str, hiding: Hiding) -> None:
    """Return if the request was delivered: for 2xx, and for 304 if the request asked whether something was modified.

    Raises `TaskRejected` for other 3xx, since redirects are not followed, and for 4xx except 408, 425 and 429. Raises
    `TryAgainLater` for these, for 5xx, and for what is no status of HTTP, which counts as 5xx (RFC 9110, section 15).
    """
    status, url = response.status_code, shown(request.url)
    if response.is_success or (status == _NOT_MODIFIED and _is_conditional(request)):
        return
    if response.is_redirect:
        raise TaskRejected(f"{url} answered {status}, {hiding.apply(_redirection(request, response))}")
    if response.is_client_error and status not in _TRY_AGAIN:
        raise TaskRejected(f"{url} answered {status}: {hiding.apply(body)[:200]}")
    after = retry_after(response.headers.get("retry-after", ""), datetime.now(UTC))
    raise TryAgainLater(f"{url} answered {status}.", after)


def retry_after(header: str, now: datetime) -> timedelta | None:
    """The pause that a `Retry-After` header asks for, at most `MAX_RETRY_AFTER`: seconds, or until a date.

    None for the header's absence, for what is neither, and for a date that is past.
    """
    if _SECONDS.fullmatch(header):
        pause = timedelta(seconds=min(float(header), MAX_RETRY_AFTER.total_seconds()))
    else:
        try:
            pause = min(read_http_date(header) - now, MAX_RETRY_AFTER)
        except ValueError:
            return None
    return pause if pause > timedelta(0) else None


def _is_conditional(request: HttpRequest) -> bool:
    return request.method == "GET" and any(name.lower() in _CONDITIONS for name in request.headers)


def _redirection(request: HttpRequest, response: httpx2.Response) -> str:
    location = response.headers.get("location")
    if response.status_code == _NOT_MODIFIED:
        return "although the request was not conditional."
    if location is None:
        return "and no Location. Redirects are not followed."
    try:
        target = shown(urljoin(str(request.url), location))
    except ValueError:  # no URL
        target = shown(location)
    return (
        f"which redirects to {target}. Redirects are not followed: send the task to that URL, if it is the right one."
    )
