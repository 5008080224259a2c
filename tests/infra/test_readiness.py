"""What a process says of itself, and when."""

import asyncio
import logging
from datetime import timedelta

import httpx2
import pytest

from infra import readiness
from infra.health_server import health_application
from infra.readiness import NotReady, Readiness
from tests.eventually import eventually


class Thing:
    """Can be out of order."""

    def __init__(self) -> None:
        self.fault: Exception | None = None

    async def check(self, _: timedelta) -> None:
        if self.fault:
            raise self.fault


def client_of(checked: Readiness) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(health_application(checked)), base_url="http://127.0.0.1")


async def test_ready_names_what_is_wrong_and_health_does_not_depend_on_it(caplog: pytest.LogCaptureFixture) -> None:
    thing, other = Thing(), Thing()
    async with client_of(Readiness({"thing": thing.check, "other": other.check}, lambda: False)) as http:
        answer = await http.get("/ready")
        assert (answer.status_code, answer.json()) == (
            200,
            {"status": "ready", "checks": {"thing": "ok", "other": "ok"}},
        )
        thing.fault = NotReady("is full", "thing 7 of host a.internal is full")
        for _ in range(5):
            answer = await http.get("/ready")
        assert (answer.status_code, answer.json()["checks"]) == (503, {"thing": "is full", "other": "ok"})
        assert int(answer.headers["retry-after"]) > 0
        assert (await http.get("/health")).json() == {"status": "ok"}
        thing.fault = None
        assert (await http.get("/ready")).status_code == 200
    first, again = caplog.messages
    assert first == "the check of thing fails and is retried: NotReady: thing 7 of host a.internal is full"
    assert again.startswith("the check of thing works again")
    assert all(record.levelno == logging.WARNING for record in caplog.records)


async def test_a_check_that_is_at_fault_itself_is_named_too(caplog: pytest.LogCaptureFixture) -> None:
    thing = Thing()
    thing.fault = KeyError("a mistake")
    async with client_of(Readiness({"thing": thing.check}, lambda: False)) as http:
        answer = await http.get("/ready")
    assert (answer.status_code, answer.json()["checks"]) == (503, {"thing": "cannot be checked"})
    assert "KeyError: 'a mistake'" in caplog.text


async def test_a_process_that_drains_is_not_ready_whatever_its_checks_say() -> None:
    async with client_of(Readiness({"thing": Thing().check}, lambda: True)) as http:
        answer = await http.get("/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "draining"})
        assert (await http.get("/health")).status_code == 200


async def test_a_check_without_an_answer_does_not_delay_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "CHECK_TIMEOUT", timedelta(milliseconds=50))
    may_end, ended = asyncio.Event(), asyncio.Event()

    async def stubborn(_: timedelta) -> None:
        """Ends late when it is cancelled, as a connection to a server that hangs."""
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()
            ended.set()

    is_ready, document = await Readiness({"thing": stubborn}, lambda: False).document()
    assert (is_ready, document["checks"]) == (False, {"thing": "does not answer"})
    may_end.set()
    await eventually(ended.is_set)
