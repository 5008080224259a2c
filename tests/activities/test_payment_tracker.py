"""Reminders go out only for an invoice that is still open."""

import pytest
from temporalio.testing import ActivityEnvironment

from activities.payment_tracker import PaymentTrackerActivities
from domain.payment_tracker import Reminder
from tests.workflows.fakes import FakeBilling, FakeMail, anytime

REMINDER = Reminder(invoice="in_1", number=1, customer="cus_1", event_id="evt_1")


@pytest.mark.parametrize("settled", [False, True])
async def test_a_reminder_is_sent_unless_the_invoice_is_settled(settled: bool) -> None:
    mail = FakeMail(now=anytime)
    activities = PaymentTrackerActivities(FakeBilling(now=anytime, settled={"in_1"} if settled else set()), mail)
    assert await ActivityEnvironment().run(activities.send_reminder, REMINDER) is not settled
    assert mail.numbers() == ([] if settled else [1])
