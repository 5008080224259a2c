"""The ports of the stack, all on loopback."""

import secrets
import socket
from dataclasses import asdict, dataclass

from devstack.errors import CannotStart

HOST = "127.0.0.1"
# Below the ports that Linux and macOS hand out to outgoing connections, one of which could take a port between
# its choice and its use.
_FREE_FROM, _FREE_TO = 15_000, 32_000


@dataclass(frozen=True)
class Ports:
    temporal: int = 7233
    ui: int = 8233
    broker: int | None = 9092
    """None: no embedded broker."""
    gateway: int = 8080

    def check(self) -> None:
        """Raises `CannotStart` for a port that is in use, or given to two servers."""
        used: dict[int, str] = {}
        ports = {name: port for name, port in asdict(self).items() if port is not None}
        for name, port in ports.items():
            if port in used:
                raise CannotStart(f"Port {port} is given to both {used[port]} and {name}.")
            used[port] = name
            if not is_free(port):
                raise CannotStart(
                    f"Port {port} ({name}) is taken: stop what listens there, or choose another with"
                    f" --{name}-port or {name.upper()}_PORT."
                )


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports() -> Ports:
    """Choose ports as `claim_ports` does."""
    return Ports(*claim_ports(len(asdict(Ports()))))


def claim_ports(count: int) -> list[int]:
    """Choose ports that nothing listens on. As long as this process runs, no other call in any process returns them:
    otherwise two servers could be given the same port before the first one listens on it.
    """
    found: list[int] = []
    while len(found) < count:
        port = _FREE_FROM + secrets.randbelow(_FREE_TO - _FREE_FROM)
        if is_free(port) and _claim(port):
            found.append(port)
    return found


def _claim(port: int) -> bool:
    """Hold the UDP port of that number until this process ends, for whatever reason. No server here uses UDP."""
    claim = socket.socket(type=socket.SOCK_DGRAM)
    try:
        claim.bind((HOST, port))
    except OSError:
        claim.close()
        return False
    claim.detach()  # stays open until the process ends
    return True
