"""What has happened to the records of one partition since its consumer began, and what is failing now."""

from dataclasses import dataclass, field

from workers.kafka.decisions.rate import Rate

COMMIT = "/commit"
"""The call that commits offsets. No key contains a slash."""
EXPIRED = "/expired"


@dataclass
class Counts:
    """`rate` is that of `delivered`."""

    rate: Rate
    received: int = 0
    delivered: int = 0
    dead_lettered: int = 0
    errors: dict[str, str] = field(default_factory=dict)
    """The error of each call that is being retried, by key or record, oldest first. What expired unread stays here."""

    @property
    def failing(self) -> dict[str, str]:
        """The errors of keys and records."""
        return {what: error for what, error in self.errors.items() if what not in (COMMIT, EXPIRED)}

    @property
    def last_error(self) -> str | None:
        return next(reversed(self.errors.values()), None)
