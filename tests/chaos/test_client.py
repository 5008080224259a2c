"""The client repeats what may be repeated, with the same key, and nothing else."""

from collections.abc import Callable

import httpx2
import pytest

from tests.chaos import client as client_module
from tests.chaos.client import PatientClient
from tests.chaos.model import Answer

Reply = Callable[[httpx2.Request], httpx2.Response]


def refuse(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused", request=request)


def answering(status: int) -> Reply:
    return lambda _: httpx2.Response(status, json={"status": status})


class Gateway:
    """Sends the given replies in order, and records the idempotency keys."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.keys: list[str | None] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.keys.append(request.headers.get("Idempotency-Key"))
        return self._replies.pop(0)(request)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAUSE_SECONDS", 0)


async def send(gateway: Gateway, *, repeat_on: tuple[int, ...] = ()) -> Answer:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(gateway), base_url="http://gateway") as http:
        return await PatientClient(http).send("POST", "/", json={}, key="task-1", repeat_on=repeat_on)


async def test_repeats_a_request_without_an_answer_and_a_503_with_the_same_key() -> None:
    gateway = Gateway(refuse, answering(503), answering(202))
    assert await send(gateway) == Answer(202, {"status": 202})
    assert gateway.keys == ["task-1"] * 3


@pytest.mark.parametrize("status", [200, 404, 409, 500])
async def test_returns_any_other_answer(status: int) -> None:
    assert (await send(Gateway(answering(status)))).status == status


async def test_repeats_on_a_status_that_its_caller_expects_to_change() -> None:
    assert (await send(Gateway(answering(404), answering(202)), repeat_on=(404,))).status == 202


async def test_gives_up_when_its_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PATIENCE_SECONDS", -1.0)
    assert await send(Gateway(refuse)) == Answer(0, "ConnectError")


async def test_keeps_an_answer_that_is_not_json_as_text() -> None:
    gateway = Gateway(lambda _: httpx2.Response(500, text="Internal Server Error"))
    assert await send(gateway) == Answer(500, "Internal Server Error")
