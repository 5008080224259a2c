import asyncio
import email.policy
import logging
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller

from domain.payment_tracker import MailRejected, Reminder
from infra.database import Database
from infra.mail import ReminderMail, open_mail, smtp_transport
from infra.tables import Reminders
from tests.eventually import eventually
from tests.infra.rows import rows
from tests.workflows.fakes import Gate

SENDER = "Billing <billing@shop.example>"


class Postbox:
    """A mail server's handler, which keeps what it receives, and refuses what a test sets."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.receivers: list[str] = []
        self.refuse_receiver: str | None = None
        self.refuse_message: str | None = None

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if self.refuse_receiver:
            return self.refuse_receiver
        envelope.rcpt_tos.append(address)
        self.receivers.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refuse_message:
            return self.refuse_message
        self.messages.append(BytesParser(policy=email.policy.default).parsebytes(envelope.content))
        return "250 OK"


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def smtp_url(postbox: Postbox, unused_tcp_port: int) -> Iterator[str]:
    server = Controller(postbox, hostname="127.0.0.1", port=unused_tcp_port, ready_timeout=60)
    server.start()
    yield f"smtp://127.0.0.1:{unused_tcp_port}"
    server.stop()


@pytest.fixture
def mail(database: Database, smtp_url: str) -> ReminderMail:
    return open_mail(database, smtp_url, SENDER)


def reminder(number: int = 1, invoice: str = "in_1", customer: str = "cus_1") -> Reminder:
    return Reminder(invoice=invoice, number=number, customer=customer, event_id="evt_1")


async def statuses(database: Database) -> dict[int, str]:
    return {row.number: row.status for row in await rows(database, Reminders)}


class TestReminder:
    async def test_reaches_the_mail_server_and_is_recorded_as_sent(
        self, mail: ReminderMail, postbox: Postbox, database: Database
    ) -> None:
        await mail.send_reminder(reminder())
        (message,) = postbox.messages
        assert (message["From"], message["To"]) == (SENDER, "cus_1@shop.example")
        assert message["Subject"] == "Reminder 1: invoice in_1 is not paid"
        assert "in_1" in message.get_content()
        (row,) = await rows(database, Reminders)
        assert (row.invoice, row.customer, row.event_id, row.status) == ("in_1", "cus_1", "evt_1", "SENT")
        assert row.sent_at is not None

    async def test_is_sent_once_per_invoice_and_number(
        self, mail: ReminderMail, postbox: Postbox, database: Database
    ) -> None:
        for number in (1, 2, 1, 2, 3):
            await mail.send_reminder(reminder(number))
        assert [message["Subject"][:10] for message in postbox.messages] == ["Reminder 1", "Reminder 2", "Reminder 3"]
        assert await statuses(database) == {1: "SENT", 2: "SENT", 3: "SENT"}

    async def test_that_is_sent_again_after_a_crash_has_the_message_id_of_the_first(
        self, database: Database, smtp_url: str, postbox: Postbox
    ) -> None:
        deliver = smtp_transport(smtp_url)

        async def deliver_and_crash(message: EmailMessage) -> None:
            await deliver(message)
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            await ReminderMail(database, SENDER, deliver_and_crash).send_reminder(reminder())
        assert await statuses(database) == {1: "SENDING"}
        await ReminderMail(database, SENDER, deliver).send_reminder(reminder())
        first, second = postbox.messages
        assert first["Message-ID"] == second["Message-ID"]
        assert await statuses(database) == {1: "SENT"}

    async def test_that_is_cut_off_goes_on_and_the_next_attempt_waits_for_it(self, database: Database) -> None:
        gate, sent = Gate(), list[EmailMessage]()
        gate.close()

        async def send(message: EmailMessage) -> None:
            await gate.passage()
            sent.append(message)

        mail = ReminderMail(database, SENDER, send)
        first = asyncio.create_task(mail.send_reminder(reminder()))
        await gate.reached()
        first.cancel()
        second = asyncio.create_task(mail.send_reminder(reminder()))
        with pytest.raises(asyncio.CancelledError):
            await first
        gate.open()
        await second
        await mail.send_reminder(reminder())
        assert len(sent) == 1

    async def test_that_fails_after_it_was_cut_off_is_sent_by_the_next_attempt(self, database: Database) -> None:
        gate, sent, failures = Gate(), list[EmailMessage](), [ConnectionError("the server restarts")]
        gate.close()

        async def send(message: EmailMessage) -> None:
            await gate.passage()
            if failures:
                raise failures.pop()
            sent.append(message)

        mail = ReminderMail(database, SENDER, send)
        first = asyncio.create_task(mail.send_reminder(reminder()))
        await gate.reached()
        first.cancel()
        gate.open()
        await eventually(lambda: not failures)
        await mail.send_reminder(reminder())
        assert len(sent) == 1

    async def test_has_a_message_id_of_its_own(self, mail: ReminderMail, postbox: Postbox) -> None:
        for one in (reminder(1), reminder(2), reminder(1, invoice="in_2"), reminder(1, invoice="größer > 1")):
            await mail.send_reminder(one)
        assert len({message["Message-ID"] for message in postbox.messages}) == 4

    async def test_goes_to_one_receiver_whatever_the_customer_is_called(
        self, mail: ReminderMail, postbox: Postbox
    ) -> None:
        await mail.send_reminder(reminder(customer="a@evil.example, b"))
        assert postbox.receivers == ['"a@evil.example, b"@shop.example']

    @pytest.mark.parametrize("customer", ["a\r\nBcc: b@evil.example", "a\u2028b", "a\0b"])
    async def test_to_a_customer_whose_id_fits_no_header_is_rejected(
        self, mail: ReminderMail, postbox: Postbox, customer: str
    ) -> None:
        with pytest.raises(MailRejected, match="no e-mail address"):
            await mail.send_reminder(reminder(customer=customer))
        assert postbox.messages == []


class TestRefusal:
    @pytest.mark.parametrize("what", ["refuse_receiver", "refuse_message"])
    async def test_for_good_is_a_rejection(
        self, mail: ReminderMail, postbox: Postbox, database: Database, what: str
    ) -> None:
        setattr(postbox, what, "550 no such customer")
        with pytest.raises(MailRejected, match="no such customer"):
            await mail.send_reminder(reminder())
        assert await statuses(database) == {1: "SENDING"}

    @pytest.mark.parametrize("what", ["refuse_receiver", "refuse_message"])
    async def test_for_now_leaves_the_next_attempt_to_send_it(
        self, mail: ReminderMail, postbox: Postbox, database: Database, what: str
    ) -> None:
        setattr(postbox, what, "451 come back later")
        with pytest.raises(aiosmtplib.SMTPException):
            await mail.send_reminder(reminder())
        setattr(postbox, what, None)
        await mail.send_reminder(reminder())
        assert len(postbox.messages) == 1
        assert await statuses(database) == {1: "SENT"}

    async def test_of_the_connection_is_left_to_the_next_attempt(
        self, database: Database, unused_tcp_port: int
    ) -> None:
        with pytest.raises(aiosmtplib.SMTPConnectError):
            await open_mail(database, f"smtp://127.0.0.1:{unused_tcp_port}", SENDER).send_reminder(reminder())
        assert await statuses(database) == {1: "SENDING"}


class TestWithoutMailServer:
    async def test_a_reminder_is_logged_once_and_recorded(
        self, database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        mail = open_mail(database, None, SENDER)
        await mail.send_reminder(reminder())
        await asyncio.gather(*(mail.send_reminder(reminder()) for _ in range(5)))
        logged = [record.getMessage() for record in caplog.records if record.name == "mail"]
        assert logged == ["To ***@shop.example: Reminder 1: invoice in_1 is not paid"]
        assert await statuses(database) == {1: "SENT"}


@pytest.mark.parametrize("url", ["http://host", "host:25", "smtp://", "smtp://host:port"])
def test_a_url_that_names_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"SMTP_URL|[Pp]ort"):
        smtp_transport(url)
