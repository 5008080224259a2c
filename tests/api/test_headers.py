"""Headers with any bytes: no route fails on them, whatever it reads of them."""

import asyncio
import re
import uuid
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from devstack.stack import Stack

HEADERS = ["Content-Type", "Host", "Idempotency-Key", "Stripe-Signature", "traceparent"]
VALUES = [b"\xc3\xa9", b"\xff\xfe", b"\xb2", b"[", b"a" * 4_000]


async def status_line(address: str, method: str, path: str, header: bytes) -> int:
    """The status of the answer to a request that no HTTP client would write."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    host = b"" if header.lower().startswith(b"host:") else b"Host: localhost\r\n"
    head = f"{method} {path} HTTP/1.1\r\nContent-Length: 1\r\nConnection: close\r\n".encode()
    if not header.lower().startswith(b"content-type:"):
        head += b"Content-Type: application/json\r\n"
    writer.write(head + host + header + b"\r\n\r\n[")
    try:
        async with asyncio.timeout(60):
            return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def operations(http: httpx2.AsyncClient) -> list[tuple[str, str]]:
    """Each operation, with a key that names nothing; and a path without one."""
    document: dict[str, Any] = (await http.get("/openapi.json")).json()
    found = [("GET", "/nowhere"), ("PUT", "/health")]
    for path, methods in document["paths"].items():
        filled = re.sub(r"\{[^}]*\}", "nothing", path)
        found += [(method.upper(), filled) for method in methods if method in ("get", "post", "patch", "delete")]
    return found


@pytest.mark.parametrize("name", HEADERS)
async def test_a_header_with_any_bytes_makes_no_route_fail(stack: Stack, http: httpx2.AsyncClient, name: str) -> None:
    failed = []
    for method, path in await operations(http):
        for value in VALUES:
            status = await status_line(stack.gateway_url, method, path, name.encode() + b": " + value)
            if status >= 500:
                failed.append((method, path, value, status))
    assert failed == []


@pytest.mark.parametrize("value", ["schlüssel".encode(), b"\xff\xfe", "鍵".encode(), b"\xb2"])
async def test_an_idempotency_key_of_any_bytes_is_a_key(http: httpx2.AsyncClient, value: bytes) -> None:
    path = f"/PaymentTracker/in_{uuid.uuid4().hex}/onPaymentSuccess/send"
    body = b'{"type": "invoice.paid", "created": 1, "data": {"id": "evt_1"}}'
    headers = {b"Content-Type": b"application/json", b"Idempotency-Key": value}
    statuses = [(await http.post(path, content=body, headers=headers)).json()["status"] for _ in range(2)]
    assert statuses == ["Accepted", "PreviouslyAccepted"]
