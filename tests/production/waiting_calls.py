"""Thousands of calls at the same time, over plain sockets: an HTTP client's pool would be the slowest part."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Got:
    """An answer: its status, the type of its problem, and whether it says when to try again."""

    status: int
    problem: str = ""
    retry_after: bool = False


async def get_at_once(url: str, path: str, keys: Sequence[str], each: int) -> Counter[Got]:
    """Call `path` so often with each key, all at the same time. Raises `OSError`."""
    return Counter(await asyncio.gather(*(_get(url, path, key) for key in keys for _ in range(each))))


async def _get(url: str, path: str, key: str) -> Got:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    lines = (f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", f"Authorization: Bearer {key}", "Connection: close")
    try:
        writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status = int(head.split()[1])
    problem = json.loads(body)["type"].removeprefix("urn:problem:") if status >= 400 else ""
    return Got(status, problem, b"\r\nretry-after:" in head.lower())
