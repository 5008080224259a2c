"""Write docs/cost.md from what tests/economy has recorded: `make env`."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from activities.consumer_heartbeat import HEARTBEAT_SECONDS
from api.http.watches import LONG_PAUSE, PAUSE
from api.invokers import policies as gateway
from domain.user_feed import ModerationPlan
from tests.economy import actions
from tests.economy.cost import Cost, load
from workers.pools import HEARTBEAT_THROTTLE
from workflows import policies

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs/cost.md"
TEMPLATE = Path(__file__).with_name("cost.md")

USD_PER_ACTION = 50 / 1e6
"""List price, pay as you go: of every action in the plan Developer, of the first five million of a month in others."""
USD_PER_CHEAPEST_ACTION = 25 / 1e6
"""From the hundred millionth to the two hundred millionth of a month, in the plans above Developer."""
USD_PER_ACTIVE_GBH, USD_PER_RETAINED_GBH = 0.042, 0.00105
PRICES = "https://docs.temporal.io/cloud/pricing"
PRICES_VERSION = "0217b7180e97a893b2f723981b8a0b299b24ed3a"

MONTH = timedelta(days=30)
MILLION = 1_000_000
WEEK = timedelta(days=7)


def write() -> None:
    FILE.write_text(text())


def text() -> str:
    """The whole page."""
    units = _costs_by_unit()
    example = "trip with three compensations"
    size = units[example][0].bytes
    return TEMPLATE.read_text().format_map(
        {
            "units": "\n".join(_row(unit, costs) for unit, costs in units.items()),
            "rules": "\n".join(f"| {rule.action} | {rule.says} |" for rule in actions.RULES),
            "times": "\n".join(_times()),
            "source": actions.SOURCE,
            "version": actions.VERSION[:7],
            "prices": PRICES,
            "prices_version": PRICES_VERSION[:7],
            "date": actions.READ_ON,
            "usd": short(USD_PER_ACTION * MILLION),
            "usd_least": short(USD_PER_CHEAPEST_ACTION * MILLION),
            "active": short(USD_PER_ACTIVE_GBH * _hours(MONTH)),
            "retained": short(USD_PER_RETAINED_GBH * _hours(MONTH)),
            "example": example,
            "example_bytes": short(size / 1e3),
            "example_usd": short(size * MILLION / 1e9 * _hours(WEEK) * USD_PER_RETAINED_GBH),
        }
    )


def _costs_by_unit() -> dict[str, list[Cost]]:
    """The cost with activities, then that with local steps where it is another one."""
    found: dict[str, list[Cost]] = {}
    for by_mode in load().values():
        for costs in by_mode.values():
            for unit, cost in costs.items():
                found.setdefault(unit, []).append(cost)
    return found


def _row(unit: str, costs: list[Cost]) -> str:
    def both(figure: Callable[[Cost], float]) -> str:
        return " / ".join(dict.fromkeys(short(figure(cost) / cost.units) for cost in costs))

    figures: tuple[Callable[[Cost], float], ...] = (
        lambda cost: cost.events,
        lambda cost: cost.transitions,
        lambda cost: cost.bytes / 1e3,
        lambda cost: cost.all_actions,
        lambda cost: cost.all_actions * USD_PER_ACTION * MILLION,
    )
    return f"| {unit} | {' | '.join(map(both, figures))} |"


def _times() -> list[str]:
    """What is billed by the time that it lasts."""
    task = gateway.task(1)["heartbeat_timeout"] / 3
    stuck = policies.STUCK_COMPENSATION["retry_policy"].maximum_interval
    assert stuck is not None
    rows = {
        "a Kafka consumer: a heartbeat": timedelta(seconds=HEARTBEAT_SECONDS),
        "a batch of subtasks: a heartbeat": HEARTBEAT_THROTTLE,
        "a task: a heartbeat, the first after a pause": task,
        "a post that waits for moderation: a question, `MODERATION_POLL_INTERVAL`": ModerationPlan().poll_interval,
        "a stuck compensation: an attempt, after the first ones": stuck,
        "live events of a key, trip or job: a query, in each gateway": PAUSE,
        "the same if nothing changes": LONG_PAUSE,
    }
    return [
        f"| {what} | {short(pause.total_seconds())} s | {timedelta(days=1) / pause:,.0f} "
        f"| {short(MONTH / pause * USD_PER_ACTION)} |"
        for what, pause in rows.items()
    ]


def _hours(length: timedelta) -> float:
    return length / timedelta(hours=1)


def short(value: float) -> str:
    """At most three significant digits, and whole numbers as they are."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2g}" if value < 10 else f"{value:.3g}"


if __name__ == "__main__":
    write()
