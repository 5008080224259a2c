"""Reminders by e-mail: through SMTP when configured, otherwise into the log; recorded once either way.

A crash between sending and recording sends again: the second e-mail has the Message-ID of the first, by which mail
systems recognise it. An attempt that is cut off goes on: nothing can call back an e-mail that is being sent.
"""

import asyncio
import hashlib
import ipaddress
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib
from sqlalchemy import select, update

from domain.access import without_owner
from domain.payment_tracker import MailRejected, Reminder
from infra.database import Database
from infra.tables import Reminders, now
from infra.tracing import spans

log = logging.getLogger("mail")

SMTP_TIMEOUT_SECONDS = 20
PERMANENT = 500
"""The server repeats an SMTP answer of 500 or above; a lower one may change with a retry."""
Transport = Callable[[EmailMessage], Awaitable[object]]


class LoginRefused(Exception):
    """The mail server does not accept the user and password."""


class ReminderMail:
    """Sends each reminder once, as far as the record knows."""

    def __init__(self, database: Database, sender: str, transport: Transport) -> None:
        self._database = database
        self._sender = sender
        self._transport = transport
        self._under_way: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def send_reminder(self, reminder: Reminder) -> None:
        """Send it, or wait for an attempt of this process that is still under way.

        Raises `MailRejected`, or whatever the transport raises; the reminder is then not recorded as sent.
        """
        this = reminder.invoice, reminder.number
        sending = self._under_way.get(this)
        if sending is None:
            sending = self._under_way[this] = asyncio.create_task(self._send_once(reminder))
            sending.add_done_callback(lambda ended: self._ended(this, ended))
        await asyncio.shield(sending)

    def _ended(self, this: tuple[str, int], sending: asyncio.Task[None]) -> None:
        del self._under_way[this]
        if not sending.cancelled():
            sending.exception()  # asyncio logs an exception that no attempt asks for

    async def _send_once(self, reminder: Reminder) -> None:
        message = self._message(reminder)
        this = (Reminders.invoice == reminder.invoice, Reminders.number == reminder.number)
        async with self._database.transaction() as connection:
            await self._database.insert_once(
                connection,
                Reminders,
                invoice=reminder.invoice,
                number=reminder.number,
                customer=reminder.customer,
                event_id=reminder.event_id,
                status="SENDING",
            )
            status = (await connection.execute(select(Reminders.status).where(*this))).scalar_one()
        if status == "SENT":
            return
        with spans.span("send mail", "CLIENT"):
            await self._transport(message)
        async with self._database.transaction() as connection:
            await connection.execute(update(Reminders).where(*this).values(status="SENT", sent_at=now()))

    def _message(self, reminder: Reminder) -> EmailMessage:
        domain = parseaddr(self._sender)[1].rpartition("@")[2]
        invoice = hashlib.sha256(reminder.invoice.encode()).hexdigest()[:32]
        message = EmailMessage()
        message["From"] = self._sender
        # A production system would look up the customer's address here.
        message["To"] = _address(reminder.customer, domain)
        name = without_owner(reminder.invoice)
        message["Subject"] = f"Reminder {reminder.number}: invoice {name} is not paid"
        message["Message-ID"] = f"<reminder-{reminder.number}.{invoice}@{domain}>"
        message.set_content(f"The payment of invoice {name} failed. Please update your payment method.\n")
        return message


def _address(customer: str, domain: str) -> Address:
    """Quoted where needed, so that no customer ID reads as another address, or as two."""
    if not customer.isprintable():
        raise MailRejected(f"The customer {customer!r} has no e-mail address.")
    return Address(username=customer, domain=domain)


def open_mail(database: Database, smtp_url: str | None, sender: str, ca_file: Path | None = None) -> ReminderMail:
    """Mail through the server at `smtp_url` (`smtp://` or `smtps://`), or into the log without one."""
    return ReminderMail(database, sender, smtp_transport(smtp_url, ca_file) if smtp_url else _log_message)


def smtp_transport(url: str, ca_file: Path | None = None) -> Transport:
    """Raises `ValueError` for a URL that names no SMTP server, or a file that has no certificates.

    The transport raises `MailRejected` when the server refuses the message or its receiver for good, `LoginRefused`
    when it refuses the user, and other errors of `aiosmtplib`. The server's certificate is checked.
    """
    server = _server(url)

    async def send(message: EmailMessage) -> None:
        try:
            await aiosmtplib.send(
                message,
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.tls,
                start_tls=server.start_tls,
                tls_context=ssl.create_default_context(cafile=ca_file),  # read again: certificates expire
                timeout=SMTP_TIMEOUT_SECONDS,
            )
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as error:
            if all(code >= PERMANENT for code in _codes(error)):
                raise MailRejected(f"The mail server refused {message['Message-ID']}: {error}") from error
            raise
        except ssl.SSLError as error:
            raise aiosmtplib.SMTPConnectError(f"TLS with {server.host} failed: {error}") from None
        except aiosmtplib.SMTPAuthenticationError as error:
            # Without the server's words, which may repeat what it was sent.
            raise LoginRefused(f"{server.host} refuses the user and password of SMTP_URL ({error.code})") from None

    return send


@dataclass(frozen=True)
class _Server:
    host: str
    port: int | None
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)
    tls: bool
    """From the start; otherwise STARTTLS."""

    @property
    def start_tls(self) -> bool | None:
        """None for TLS if the server offers it. A password needs TLS, unless it stays on this machine."""
        if self.tls:
            return False
        return None if self.username is None or _is_loopback(self.host) else True


def _server(url: str) -> _Server:
    """Raises `ValueError` without the URL, which may contain a password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if (
        not host
        or parts.scheme not in ("smtp", "smtps")
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        raise ValueError(
            "SMTP_URL must be smtp://[user:password@]host[:port] or smtps://..., with other characters than letters "
            "and digits in user and password percent-encoded"
        ) from None
    username, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return _Server(host, port, username, password, tls=parts.scheme == "smtps")


def _is_loopback(host: str) -> bool:
    """A name counts if it is `localhost`: what another name leads to can change."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def usable_smtp_url(url: str | None) -> str | None:
    """Return `url` if it names an SMTP server. Raises `ValueError`, which does not repeat the URL."""
    if url is not None:
        _server(url)
    return url


def usable_ca_file(path: Path | None) -> Path | None:
    """Return `path` if it has certificates. Raises `ValueError`."""
    if path is None:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ValueError(f"{path} cannot be used: {error}") from error
    return path


def _codes(error: aiosmtplib.SMTPException) -> list[int]:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return [refused.code for refused in error.recipients]
    return [error.code] if isinstance(error, aiosmtplib.SMTPResponseException) else []


async def _log_message(message: EmailMessage) -> None:
    """Without the mailbox's name, which is a person's."""
    log.info("To ***@%s: %s", message["To"].rpartition("@")[2], message["Subject"])
