"""Where `http_request` tasks may connect to: names and ports, and the addresses that a name may resolve to."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self, TypeAlias

from pydantic import HttpUrl, ValidationError

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_PLAIN = re.compile(r"[^/?#@\\*\s]+")
_PORT = re.compile(r":([0-9]{1,5})$")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: how a network without IPv4 names an IPv4 address, public ones too."""
_SPECIAL = tuple(
    ip_network(each)
    for each in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "3fff::/20", "5f00::/16")
)
"""Not for public services, but Python's `is_global` does not know it, or not in every version: the rest of IANA's
registries of special-purpose addresses, and Azure's metadata service. Oracle's is in the second network."""


@dataclass(frozen=True)
class HostEntry:
    """A host as a setting names it: `host` for the ports of http and https, or `host:port` for this port only."""

    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `ValueError`."""
        wrong = ValueError(f"write {text[:100]!r} as host or host:port, without scheme, path and wildcards")
        if not _PLAIN.fullmatch(text):
            raise wrong
        try:
            url = HttpUrl(f"http://{text}")
        except ValidationError:
            raise wrong from None
        port = _PORT.search(text)
        if port and int(port[1]) == 0:
            raise wrong
        return cls(normal(url.host or ""), int(port[1]) if port else None)

    def matches(self, host: str, port: int, scheme: str) -> bool:
        return self.host == host and port == (self.port or _DEFAULT_PORTS[scheme])


@dataclass(frozen=True)
class AllowedHosts:
    """The hosts that tasks may call.

    The address of a host without a port must be public, or in one of `networks`. A host with its port may be anywhere:
    its entry names one service.
    """

    entries: Sequence[HostEntry]
    networks: Sequence[Network] = field(default=())

    @classmethod
    def of(cls, hosts: Iterable[str], networks: Sequence[Network] = ()) -> Self:
        """Raises `ValueError`."""
        return cls([HostEntry.parse(host) for host in hosts], networks)

    def allow(self, url: HttpUrl) -> bool:
        host, port = target(url)
        return any(entry.matches(host, port, url.scheme) for entry in self.entries)

    def allow_address(self, host: str, port: int, address: Address) -> bool:
        if HostEntry(normal(host), port) in self.entries or is_public(address):
            return True
        return any(
            each.version == network.version and each in network for each in _forms(address) for network in self.networks
        )


def target(url: HttpUrl) -> tuple[str, int]:
    """The host and the port that a request to `url` connects to."""
    return normal(url.host or ""), _DEFAULT_PORTS[url.scheme] if url.port is None else url.port


def normal(host: str) -> str:
    """The host in small letters, an IPv6 address without its brackets."""
    return host.lower().strip("[]")


def is_public(address: Address) -> bool:
    """Whether the address, and the IPv4 address in it, belong to the public Internet.

    Private, loopback, link-local (with the metadata service of most clouds), shared, multicast, reserved, documentation
    and unspecified addresses do not.
    """
    return all(_is_public(form) for form in _forms(address))


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address in _NAT64 or address.ipv4_mapped):
        return True  # the address in it decides
    special = any(address.version == network.version and address in network for network in _SPECIAL)
    refused = special or address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not refused and not (isinstance(address, IPv6Address) and address.is_site_local)


def _forms(address: Address) -> list[Address]:
    """The address, and the IPv4 addresses that it leads to: mapped, NAT64, 6to4, Teredo."""
    if isinstance(address, IPv4Address):
        return [address]
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [address, *(each for each in inner if each is not None)]


def read_address(text: str) -> Address:
    """An address of `getaddrinfo`; an IPv6 address may have a zone, as in `fe80::1%eth0`."""
    return ip_address(text.partition("%")[0])
