"""Passwords and mails reach only a mail server that proves who it is."""

import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from infra.mail import LoginRefused, smtp_transport
from infra.settings import Settings, load_settings
from tests.brokers.certificates import make_certificates

USER, PASSWORD = "billing@shop.example", "p@ss/word:1"
ENCODED = "billing%40shop.example:p%40ss%2Fword%3A1"


class Postbox:
    """Keeps the passwords and mails that it receives."""

    def __init__(self) -> None:
        self.passwords: list[str] = []
        self.mails: list[bytes] = []
        self.accepts = True

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(envelope.original_content or b"")
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.passwords.append(data.password.decode())
        refusal = f"535 {data.login.decode()}:{data.password.decode()} is wrong"
        return AuthResult(success=self.accepts, handled=False, message=None if self.accepts else refusal)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


Serve = Callable[..., str]


@pytest.fixture
def serve(postbox: Postbox, unused_tcp_port: int, certificates: Path) -> Iterator[Serve]:
    """Starts a mail server, with STARTTLS if `starttls`, with TLS from the start if `tls`; returns `host:port`."""
    started: list[Controller] = []

    def start(
        *, starttls: bool = False, tls: bool = False, certificate: str = "server", host: str = "127.0.0.1"
    ) -> str:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates / f"{certificate}.crt", certificates / f"{certificate}.key")
        server = Controller(
            postbox,
            hostname=host,
            port=unused_tcp_port,
            ssl_context=context if tls else None,
            tls_context=context if starttls else None,
            authenticator=postbox.authenticate,
            auth_require_tls=False,
            ready_timeout=60,
        )
        server.start()
        started.append(server)
        return f"{host}:{unused_tcp_port}"

    yield start
    for server in started:
        server.stop()


def mail() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@shop.example", "b@shop.example", "Reminder"
    return message


@pytest.mark.parametrize(("scheme", "options"), [("smtp", {"starttls": True}), ("smtps", {"tls": True})])
class TestTls:
    async def test_sends_password_and_mail_to_a_server_that_the_authority_signed(
        self, serve: Serve, postbox: Postbox, certificates: Path, scheme: str, options: dict[str, bool]
    ) -> None:
        await smtp_transport(f"{scheme}://{ENCODED}@{serve(**options)}", certificates / "ca.crt")(mail())
        assert (postbox.passwords, len(postbox.mails)) == ([PASSWORD], 1)

    @pytest.mark.parametrize("certificate", ["server", "stranger"])
    async def test_sends_nothing_to_a_server_that_the_systems_authorities_did_not_sign(
        self, serve: Serve, postbox: Postbox, certificate: str, scheme: str, options: dict[str, bool]
    ) -> None:
        send = smtp_transport(f"{scheme}://{ENCODED}@{serve(certificate=certificate, **options)}")
        with pytest.raises(aiosmtplib.SMTPException, match="certificate verify failed"):
            await send(mail())
        assert (postbox.passwords, postbox.mails) == ([], [])

    async def test_sends_nothing_to_a_server_whose_certificate_is_for_another_name(
        self, serve: Serve, postbox: Postbox, certificates: Path, scheme: str, options: dict[str, bool]
    ) -> None:
        address = serve(host="127.0.0.2", **options)
        with pytest.raises(aiosmtplib.SMTPException, match="IP address mismatch"):
            await smtp_transport(f"{scheme}://{ENCODED}@{address}", certificates / "ca.crt")(mail())
        assert (postbox.passwords, postbox.mails) == ([], [])


class TestWithoutTls:
    @pytest.fixture
    def elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> str:
        """A name of another machine, which leads here."""
        name, find = "mail.shop.example", socket.getaddrinfo

        def to_loopback(host: Any, *arguments: Any, **options: Any) -> Any:
            return find("127.0.0.1" if host == name else host, *arguments, **options)

        monkeypatch.setattr(socket, "getaddrinfo", to_loopback)
        return name

    async def test_a_password_is_not_sent_to_another_machine(
        self, serve: Serve, postbox: Postbox, elsewhere: str
    ) -> None:
        port = serve().rpartition(":")[2]
        with pytest.raises(aiosmtplib.SMTPException, match="STARTTLS"):
            await smtp_transport(f"smtp://{ENCODED}@{elsewhere}:{port}")(mail())
        assert (postbox.passwords, postbox.mails) == ([], [])

    async def test_a_password_is_sent_on_this_machine(self, serve: Serve, postbox: Postbox) -> None:
        await smtp_transport(f"smtp://{ENCODED}@{serve()}")(mail())
        assert (postbox.passwords, len(postbox.mails)) == ([PASSWORD], 1)

    async def test_a_mail_without_a_password_is_sent(self, serve: Serve, postbox: Postbox, elsewhere: str) -> None:
        port = serve().rpartition(":")[2]
        await smtp_transport(f"smtp://{elsewhere}:{port}")(mail())
        assert len(postbox.mails) == 1


async def test_a_refused_login_names_the_server_and_no_credentials(
    serve: Serve, postbox: Postbox, caplog: pytest.LogCaptureFixture
) -> None:
    postbox.accepts = False
    caplog.set_level(logging.DEBUG)
    with pytest.raises(LoginRefused, match=r"127\.0\.0\.1 refuses the user and password of SMTP_URL \(535\)") as raised:
        await smtp_transport(f"smtp://{ENCODED}@{serve()}")(mail())
    logging.getLogger("test").error("failed", exc_info=raised.value)
    logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("mail.log"))
    assert PASSWORD not in logged + str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "smtp://user:pa/ss@host",
        "smtp://user:pa#ss@host",
        "smtp://user:pa?ss@host",
        "smtp://user:secret@host:port",
        "smtp://user:secret@[host",
        "smtp:user:secret@host",
        "ftp://user:secret@host",
        "smtps://user:secret@",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_at_the_start_without_repeating_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_URL", url)
    with pytest.raises(SystemExit) as ended:
        load_settings()
    said = str(ended.value)
    assert said.startswith("SMTP_URL: ")
    assert "secret" not in said
    assert "pa" not in said.split("SMTP_URL must be", maxsplit=1)[0].replace("Value", "")


def test_a_file_that_has_no_certificates_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.crt").write_text("not a certificate")
    for path in (tmp_path / "ca.crt", tmp_path / "missing.crt"):
        monkeypatch.setenv("SMTP_CA_FILE", str(path))
        with pytest.raises(SystemExit, match="SMTP_CA_FILE: "):
            load_settings()


def test_no_file_is_needed_for_the_systems_authorities() -> None:
    assert Settings().smtp_ca_file is None
