"""The names by which programs on this machine call a gateway that listens on loopback."""

import ipaddress
from urllib.parse import urlsplit


def is_address_or_localhost(host: str) -> bool:
    """Whether a `Host` is no name that another site could have: an address, `localhost`, or nothing (HTTP/1.0)."""
    name = _hostname(f"//{host}")
    return not host or _is_localhost(name) or _address(name) is not None


def is_loopback_origin(origin: str) -> bool:
    """Whether an `Origin` is a page of this machine. `null`, which is that of a file or a sandbox, is not."""
    name = _hostname(origin)
    address = _address(name)
    return _is_localhost(name) or (address is not None and address.is_loopback)


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_localhost(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
