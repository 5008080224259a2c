"""Sockets that listen, opened before anything else starts: what is wrong with an address is one line."""

import os
import socket

BACKLOG = 2048
MAX_PORT = 65_535


def listen(host: str, port: int, settings: str) -> list[socket.socket]:
    """Listen on each address that `host` has; an empty one stands for all of this machine.

    `settings` names what to change. Raises `SystemExit` with a line. Port 0 is any free one.
    """
    opened: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in _addresses(host, port):
            opened.append(listener := socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.setblocking(False)
            listener.bind(address)
            listener.listen(BACKLOG)  # two sockets may be bound to one port, and only one of them may listen
    except (OSError, ValueError) as error:
        for each in opened:
            each.close()
        raise SystemExit(f"{settings}: cannot listen on {host!r}, port {port}: {_reason(error)}.") from None
    return opened


def port_of(listening: list[socket.socket]) -> int:
    port: int = listening[0].getsockname()[1]
    return port


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int]]]:
    if not 0 <= port <= MAX_PORT:
        raise ValueError("no such port")  # getaddrinfo would take another one
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys(found))  # type: ignore[arg-type]


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror) or not isinstance(error, OSError):
        return "there is no such address or port"
    return os.strerror(error.errno) if error.errno else str(error)
