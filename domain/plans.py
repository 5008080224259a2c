"""The settings of the patterns that an operator chooses: when to remind, how long to wait, how steps run."""

from dataclasses import dataclass, field

from domain.invoice import ReminderPlan
from domain.package_tracker import PackagePlan
from domain.steps import StepMode
from domain.user_feed import ModerationPlan


@dataclass(frozen=True)
class Plans:
    """The plans that new keys start with; a key keeps the plan that it started with."""

    reminders: ReminderPlan = field(default_factory=ReminderPlan)
    moderation: ModerationPlan = field(default_factory=ModerationPlan)
    packages: PackagePlan = field(default_factory=PackagePlan)
    steps: StepMode = StepMode.ACTIVITY
