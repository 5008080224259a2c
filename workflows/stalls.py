"""What the consumers of a subscription reported, and how the Web UI shows it."""

from collections.abc import Mapping

from domain.subscription import ConsumerReport, Stall, Subscription


def details(subscription: Subscription, stall: Stall | None) -> str:
    """What the Web UI shows."""
    s = subscription
    error = f" Since {stall.since:%Y-%m-%d %H:%M:%S} UTC: {stall.reason}" if stall else ""
    return f"Records of {s.cluster}/{s.topic} go to {s.service}/{s.handler}.{error}"


class Stalls:
    """The stalls of consumers, by their numbers."""

    def __init__(self, stalls: Mapping[int, Stall]) -> None:
        self._stalls = dict(stalls)
        self._attempts: dict[int, int] = {}

    def note(self, report: ConsumerReport) -> None:
        """Take a report, unless it comes from an earlier attempt than the last one did."""
        if report.attempt < self._attempts.get(report.member, 0):
            return
        self._attempts[report.member] = report.attempt
        if report.stall is None:
            self._stalls.pop(report.member, None)
        else:
            self._stalls[report.member] = report.stall

    def forget_attempts(self) -> None:
        """Consumers are started: their attempts count from 1."""
        self._attempts.clear()

    def clear(self) -> None:
        self._stalls.clear()

    def of(self, member: int) -> Stall | None:
        return self._stalls.get(member)

    def all(self) -> dict[int, Stall]:
        return dict(self._stalls)

    def oldest(self) -> Stall | None:
        return min(self._stalls.values(), key=lambda stall: stall.since, default=None)
