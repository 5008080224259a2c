"""Every entity service by name: what can be sent to, over HTTP and from Kafka."""

from domain.package_tracker import PackagePlan
from domain.payment_tracker import ReminderPlan
from domain.user_feed import ModerationPlan
from workflows import package_tracker, payment_tracker, user_feed
from workflows.entity import Entity


def entities(reminders: ReminderPlan, moderation: ModerationPlan, packages: PackagePlan) -> dict[str, Entity]:
    """The entity services, each with the plan that its new keys start with."""
    rows = (
        payment_tracker.entity(reminders),
        user_feed.entity(moderation),
        package_tracker.entity(packages),
    )
    return {row.pattern.service: row for row in rows}
