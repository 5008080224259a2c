"""What the stack calls and no backup of it contains: a mail server, and the receiver of `http_request` tasks."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.parser import BytesParser
from typing import Any

from aiosmtpd.controller import Controller

from devstack.ports import HOST, claim_ports
from tests.receiver import Receiver, receiving


class Postbox:
    """Keeps the Message-ID of each mail that arrives."""

    def __init__(self) -> None:
        self.arrived: list[str] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.arrived.append(BytesParser().parsebytes(envelope.content)["Message-ID"])
        return "250 OK"


class Outside:
    """`settings` are for `.env`."""

    def __init__(self, postbox: Postbox, receiver: Receiver, smtp_port: int) -> None:
        self._postbox = postbox
        self._receiver = receiver
        self.settings = {
            "SMTP_URL": f"smtp://{HOST}:{smtp_port}",
            "MAIL_FROM": "billing@shop.example",
            "HTTP_TASK_ALLOWED_HOSTS": json.dumps([f"{HOST}:{receiver.port}"]),
        }

    @property
    def url(self) -> str:
        return self._receiver.url

    @property
    def mails(self) -> list[str]:
        """The Message-IDs, in the order in which the mails arrived."""
        return list(self._postbox.arrived)

    def keys_of_requests(self, path: str) -> Counter[str]:
        """How often each `Idempotency-Key` arrived at `path`."""
        requests = (headers for first, headers, _ in self._receiver.requests if f" {path} " in first)
        return Counter(headers["idempotency-key"] for headers in requests)


@asynccontextmanager
async def running_outside() -> AsyncIterator[Outside]:
    [port] = claim_ports(1)
    postbox = Postbox()
    server = Controller(postbox, hostname=HOST, port=port, ready_timeout=60)
    server.start()
    try:
        async with receiving() as receiver:
            yield Outside(postbox, receiver, port)
    finally:
        server.stop()
