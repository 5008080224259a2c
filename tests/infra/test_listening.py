"""An address that cannot be listened on is one line, which names the settings."""

import socket

import pytest

from infra.listening import listen, port_of

HOST = "127.0.0.1"


def test_every_address_of_a_name_is_listened_on() -> None:
    opened = listen("localhost", 0, "HOST")
    try:
        for each in opened:
            with socket.create_connection(each.getsockname()[:2], timeout=60):
                pass
    finally:
        for each in opened:
            each.close()


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (HOST, "Address already in use"),
        ("192.0.2.1", "Cannot assign requested address"),
        ("no-such-host.invalid", "there is no such address or port"),
        ("a" * 70 + ".invalid", "there is no such address or port"),
        ("\0", "there is no such address or port"),
    ],
)
def test_one_that_cannot_be_is_named_with_its_settings(host: str, reason: str) -> None:
    [taken] = listen(HOST, 0, "")
    with taken, pytest.raises(SystemExit) as ended:
        listen(host, port_of([taken]), "GATEWAY_HOST, GATEWAY_PORT")
    line = str(ended.value)
    assert line.startswith("GATEWAY_HOST, GATEWAY_PORT: cannot listen on ")
    assert line.endswith(f": {reason}.")
    assert line.isprintable()


@pytest.mark.parametrize("port", [-1, 65_536, 99_999, 2**40])
def test_a_port_that_does_not_exist_is_refused(port: int) -> None:
    with pytest.raises(SystemExit, match="no such address or port"):
        listen(HOST, port, "GATEWAY_HOST, GATEWAY_PORT")
