"""Where tasks may connect to: names, ports, and the addresses that names resolve to."""

from ipaddress import ip_address, ip_network

import pytest
from pydantic import HttpUrl

from devstack.ports import HOST
from domain.message_queue import HttpRequest, TaskRejected
from infra.http_hosts import AllowedHosts, HostEntry, is_public
from infra.http_sender import HttpSender
from tests.receiver import receiving

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
OTHERS = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "192.88.99.1"),
    *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::7f00:1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
    *("2002:7f00:1::", "2002:a00:1::1", "64:ff9b:1::7f00:1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_known_as_one(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", OTHERS)
def test_every_other_address_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    ("entry", "url", "is_allowed"),
    [
        ("example.com", "https://example.com/", True),
        ("example.com", "http://example.com/", True),
        ("example.com", "https://example.com:443/", True),
        ("example.com", "http://example.com:443/", False),
        ("example.com", "https://example.com:8443/", False),
        ("example.com", "https://example.com:22/", False),
        ("example.com", "http://example.com:0/", False),
        ("example.com", "https://example.com./", False),
        ("example.com", "https://a.example.com/", False),
        ("example.com:8443", "https://example.com:8443/", True),
        ("example.com:8443", "https://example.com/", False),
        ("example.com:80", "http://example.com/", True),
        ("example.com:80", "https://example.com/", False),
        ("[::1]:8080", "http://[::1]:8080/", True),
        ("127.0.0.1:8080", "http://2130706433:8080/", True),
        ("Bücher.example", "https://xn--bcher-kva.example/", True),
    ],
)
def test_a_host_without_a_port_is_allowed_at_the_ports_of_http_and_https_only(
    entry: str, url: str, is_allowed: bool
) -> None:
    assert AllowedHosts.of([entry]).allow(HttpUrl(url)) is is_allowed


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "https://example.com",
        "example.com/",
        "*.example.com",
        "*",
        "a b",
        "ann@example.com",
        "a:99999",
        "a:0",
        "a:b",
        "a?",
    ],
)
def test_an_entry_that_can_match_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"write '.*' as host or host:port"):
        HostEntry.parse(entry)


class Names:
    """A resolver whose answers change, as in an attack by DNS rebinding."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.questions: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.questions.append(host)
        return self._answers.pop(0)


async def send(url: str, sender: HttpSender) -> int:
    try:
        return (await sender.send(HttpRequest(url=HttpUrl(url)), "key")).status
    finally:
        await sender.aclose()


@pytest.mark.parametrize("addresses", [[each] for each in OTHERS] + [["10.0.0.1", "::1"]])
async def test_a_name_that_resolves_to_no_public_address_is_rejected(addresses: list[str]) -> None:
    with pytest.raises(TaskRejected, match="addresses that are not public") as rejected:
        await send("http://example.com/", HttpSender(["example.com"], resolve=Names(addresses)))
    assert not any(address in str(rejected.value) for address in addresses if len(address) > 3)


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://[::1]/"])
async def test_an_address_in_place_of_a_name_is_checked_too(url: str) -> None:
    host = HttpUrl(url).host or ""
    with pytest.raises(TaskRejected, match="addresses that are not public"):
        await send(url, HttpSender([host]))


async def test_a_host_that_is_allowed_with_its_port_may_be_private() -> None:
    async with receiving() as receiver:
        names = Names([HOST])
        sender = HttpSender([f"inner.example:{receiver.port}"], resolve=names)
        assert await send(f"http://inner.example:{receiver.port}/", sender) == 200
        assert receiver.requests[0][1]["host"] == f"inner.example:{receiver.port}"


@pytest.mark.parametrize(
    ("network", "address", "is_allowed"),
    [
        ("10.1.0.0/16", "10.1.2.3", True),
        ("10.1.0.0/16", "::ffff:10.1.2.3", True),
        ("10.1.0.0/16", "10.2.0.1", False),
        ("fd00::/8", "fd00::1", True),
        ("fd00::/8", "127.0.0.1", False),
    ],
)
def test_a_host_may_be_in_a_network_that_is_allowed(network: str, address: str, is_allowed: bool) -> None:
    allowed = AllowedHosts.of(["example.com"], [ip_network(network)])
    assert allowed.allow_address("example.com", 443, ip_address(address)) is is_allowed


async def test_the_connection_is_made_to_the_address_that_was_checked_without_a_second_resolution() -> None:
    async with receiving() as receiver:
        names = Names([HOST], ["8.8.8.8"])
        sender = HttpSender([f"rebinding.example:{receiver.port}"], resolve=names)
        assert await send(f"http://rebinding.example:{receiver.port}/", sender) == 200
        assert names.questions == ["rebinding.example"]


async def test_the_addresses_of_a_name_are_tried_one_after_the_other() -> None:
    async with receiving() as receiver:
        sender = HttpSender([f"two.example:{receiver.port}"], resolve=Names(["127.0.0.9", HOST]))
        assert await send(f"http://two.example:{receiver.port}/", sender) == 200
