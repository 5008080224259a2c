"""What goes wrong behind the gateway is told as a problem that a client can act on."""

import httpx
from fastapi import FastAPI

from api.problems import install
from workflows.backpressure import KeyBusy


async def test_a_key_with_too_many_messages_asks_to_try_again() -> None:
    app = FastAPI()
    install(app)

    @app.post("/busy")
    async def busy() -> None:
        raise KeyBusy("user-feed:u1")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        answer = await client.post("/busy")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json()["type"] == "urn:problem:key-busy"
