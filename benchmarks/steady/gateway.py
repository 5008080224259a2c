"""What the run asks the gateway: a patient client of the subscription, its dead letters, and the packages."""

import asyncio
import base64
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpx2

from benchmarks.harness.bodies import REGISTRATION
from benchmarks.steady.load import number_of_poison
from benchmarks.steady.model import Letter
from domain.package_tracker import PACKAGE_TRACKER

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.5
PAGE = 200
MAX_REQUESTS = 10


class Gateway:
    """Repeats a request that got no answer, or a 429 or 503, as the contract allows."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.subscription_id = ""
        self._http = http
        self._slots = asyncio.Semaphore(MAX_REQUESTS)

    async def subscribe(self, cluster: str, topic: str, consumers: int) -> None:
        """The other methods are about this subscription."""
        sink = f"service://{PACKAGE_TRACKER.service}/updateLocation"
        body = {"source": f"kafka://{cluster}/{topic}", "sink": sink, "options": {"consumers": consumers}}
        self.subscription_id = (await self._send("POST", "/subscriptions", body))["id"]

    async def view(self) -> dict[str, Any]:
        """What the gateway shows of the subscription now. Raises `httpx2.HTTPError` if it does not answer."""
        answer: dict[str, Any] = (await self._http.get(self._path, timeout=10)).raise_for_status().json()
        return answer

    async def resume(self) -> None:
        await self._send("PATCH", self._path, {"status": "RUNNING"})

    async def letters(self) -> list[Letter]:
        """Every pending dead letter of the subscription."""
        letters: list[Letter] = []
        query: Mapping[str, int] | None = {}
        while query is not None:
            page = await self._send("GET", f"{self._path}/deadLetters", params={**query, "limit": PAGE})
            letters += map(_as_letter, page["deadLetters"])
            query = page["next"]
        return letters

    async def redrive_all(self) -> int:
        """Redrive every pending dead letter. Returns how many records were written."""
        redriven, remaining = 0, True
        while remaining:
            outcome = await self._send("POST", f"{self._path}/deadLetters/redrive", {"all": True})
            redriven, remaining = redriven + outcome["redriven"], outcome["remaining"]
        return redriven

    async def locations(self, packages: Iterable[str]) -> dict[str, list[str]]:
        """What each package shows. A package shows its locations once it is registered."""

        async def read(package: str) -> tuple[str, list[str]]:
            async with self._slots:
                path = f"/{PACKAGE_TRACKER.service}/{package}"
                await self._send("POST", f"{path}/registerPackage", REGISTRATION)
                shown = await self._send("GET", f"{path}/getPackageInfo")
            return package, [each["location"] for each in shown["locations"]]

        return dict(await asyncio.gather(*map(read, packages)))

    @property
    def _path(self) -> str:
        return f"/subscriptions/{self.subscription_id}"

    async def _send(self, method: str, path: str, body: Any = None, params: Mapping[str, int] | None = None) -> Any:
        """Return the answer's body. Raises `httpx2.HTTPError` for any other status, and after `PATIENCE_SECONDS`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = await self._http.request(method, path, json=body, params=params)
                if answer.is_success:
                    return answer.json()
                if not _may_be_repeated(answer.status_code) or time.monotonic() > deadline:
                    raise httpx2.HTTPStatusError(
                        f"{method} {path} was answered with {answer.status_code}: {answer.text[:500]}",
                        request=answer.request,
                        response=answer,
                    )
            except httpx2.TransportError:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)


def _may_be_repeated(status: int) -> bool:
    return status in (httpx2.codes.TOO_MANY_REQUESTS, httpx2.codes.SERVICE_UNAVAILABLE)


def _as_letter(view: Mapping[str, Any]) -> Letter:
    texts = (_text(view[name], is_base64=view[f"{name}IsBase64"]) for name in ("key", "value"))
    return Letter(number_of_poison(" ".join(texts)), view["kind"], view["attempts"])


def _text(shown: str | None, *, is_base64: bool) -> str:
    if shown is None:
        return ""
    return base64.b64decode(shown).decode(errors="replace") if is_base64 else shown
