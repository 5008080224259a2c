"""What was done with the records of one partition since its consumer began, and what hinders it now."""

from dataclasses import dataclass, field

from workers.kafka.decisions.rate import Rate


@dataclass
class Counts:
    """`rate` is told how many records are delivered."""

    rate: Rate
    received: int = 0
    delivered: int = 0
    dead_lettered: int = 0
    errors: dict[str, str] = field(default_factory=dict)
    """What is being tried again, by key or record, oldest first; and what expired unread, which stays."""

    @property
    def last_error(self) -> str | None:
        return next(reversed(self.errors.values()), None)
