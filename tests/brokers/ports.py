"""Addresses of servers that tests start."""

import socket
import time
from contextlib import ExitStack

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    with ExitStack() as taken:
        sockets = [taken.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def free_address() -> str:
    return f"{HOST}:{free_ports(1)[0]}"


def wait_until_it_listens(address: str, timeout_seconds: float = 300) -> None:
    """Raises `TimeoutError`."""
    host, _, port = address.partition(":")
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            socket.create_connection((host, int(port))).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing listens on {address}") from None
            time.sleep(0.05)
        else:
            return
