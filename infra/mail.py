"""Reminders by e-mail: through SMTP when configured, otherwise into the log; recorded once either way.

A crash between sending and recording sends again: the second e-mail has the Message-ID of the first, by which mail
systems recognise it.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib
from sqlalchemy import select, update

from domain.payment_tracker import MailRejected, Reminder
from infra.database import Database
from infra.tables import Reminders, now

log = logging.getLogger("mail")

SMTP_TIMEOUT_SECONDS = 20
PERMANENT = 500
"""The server repeats an SMTP answer of 500 or above; a lower one may change with a retry."""
Transport = Callable[[EmailMessage], Awaitable[object]]


class ReminderMail:
    """Sends each reminder once, as far as the record knows."""

    def __init__(self, database: Database, sender: str, transport: Transport) -> None:
        self._database = database
        self._sender = sender
        self._transport = transport

    async def send_reminder(self, reminder: Reminder) -> None:
        """Raises `MailRejected`, or whatever the transport raises; the reminder is then not recorded as sent."""
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
        message["Subject"] = f"Reminder {reminder.number}: invoice {reminder.invoice} is not paid"
        message["Message-ID"] = f"<reminder-{reminder.number}.{invoice}@{domain}>"
        message.set_content(f"The payment of invoice {reminder.invoice} failed. Please update your payment method.\n")
        return message


def _address(customer: str, domain: str) -> Address:
    """Quoted where needed, so that no customer ID reads as another address, or as two."""
    if not customer.isprintable():
        raise MailRejected(f"The customer {customer!r} has no e-mail address.")
    return Address(username=customer, domain=domain)


def open_mail(database: Database, smtp_url: str | None, sender: str) -> ReminderMail:
    """Mail through the server at `smtp_url` (`smtp://` or `smtps://`), or into the log without one."""
    return ReminderMail(database, sender, smtp_transport(smtp_url) if smtp_url else _log_message)


def smtp_transport(url: str) -> Transport:
    """Raises `ValueError` for a URL that names no SMTP server.

    The transport raises `MailRejected` when the server refuses the message or its receiver for good.
    """
    parts = urlsplit(url)
    port = parts.port
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("SMTP_URL must be smtp://[user:password@]host[:port] or smtps://...")

    async def send(message: EmailMessage) -> None:
        try:
            await aiosmtplib.send(
                message,
                hostname=parts.hostname,
                port=port,
                username=unquote(parts.username) if parts.username else None,
                password=unquote(parts.password) if parts.password else None,
                use_tls=parts.scheme == "smtps",
                timeout=SMTP_TIMEOUT_SECONDS,
            )
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as error:
            if all(code >= PERMANENT for code in _codes(error)):
                raise MailRejected(f"The mail server refused {message['Message-ID']}: {error}") from error
            raise

    return send


def _codes(error: aiosmtplib.SMTPException) -> list[int]:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return [refused.code for refused in error.recipients]
    return [error.code] if isinstance(error, aiosmtplib.SMTPResponseException) else []


async def _log_message(message: EmailMessage) -> None:
    log.info("To %s: %s", message["To"], message["Subject"])
