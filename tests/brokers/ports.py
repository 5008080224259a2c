"""Addresses of servers that tests start."""

import socket
import time

from devstack.ports import HOST, claim_ports


def free_address() -> str:
    [port] = claim_ports(1)
    return f"{HOST}:{port}"


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
