"""What units cost in Temporal, as its server has recorded it."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from temporalio.api.history.v1 import History
from temporalio.client import ActivityHandle, WorkflowHandle

from domain.steps import StepMode
from tests.economy import actions

FILE = Path(__file__).with_name("cost.json")
ATTEMPTS = 5
"""On a machine that stands still for seconds tasks time out and are done again. It does so rarely, a change always."""
MARGIN = 0.1
"""How far bytes may be from what is recorded: names of machines and paths in stack traces differ."""


@dataclass(frozen=True)
class Cost:
    """What `units` units cost together. `bytes` are those of histories, as serialized, and of standalone activities."""

    units: int = 1
    events: int = 0
    transitions: int = 0
    bytes: int = 0
    actions: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.units,
            self.events + other.events,
            self.transitions + other.transitions,
            self.bytes + other.bytes,
            dict(Counter(self.actions) + Counter(other.actions)),
        )

    def since(self, before: "Cost", units: int) -> "Cost":
        """What `units` units have added to one execution."""
        added = Counter(self.actions)
        added.subtract(before.actions)
        return Cost(
            units,
            self.events - before.events,
            self.transitions - before.transitions,
            self.bytes - before.bytes,
            {name: count for name, count in added.items() if count},
        )

    @property
    def all_actions(self) -> int:
        return sum(self.actions.values())


Costs = dict[str, Cost]
"""By the name of the unit."""
Recorded = dict[str, dict[StepMode, Costs]]
"""By play, and by the modes in which it costs differently."""


def differences(recorded: Cost, measured: Cost) -> list[str]:
    """What became dearer, and what cheaper."""
    found = [
        f"{name} {before} -> {after}: {'dearer' if after > before else 'cheaper'}"
        for name, before, after in (
            ("events", recorded.events, measured.events),
            ("transitions", recorded.transitions, measured.transitions),
            ("actions", recorded.all_actions, measured.all_actions),
            *((f"actions ({name})", count, measured.actions.get(name, 0)) for name, count in recorded.actions.items()),
            *((f"actions ({name})", 0, measured.actions[name]) for name in measured.actions.keys() - recorded.actions),
        )
        if before != after
    ]
    if abs(measured.bytes - recorded.bytes) > MARGIN * recorded.bytes:
        word = "dearer" if measured.bytes > recorded.bytes else "cheaper"
        found.append(f"bytes {recorded.bytes} -> {measured.bytes}: {word}")
    return found


def all_differences(expected: Mapping[str, Cost], measured: Mapping[str, Cost]) -> list[str]:
    """The differences of each unit."""
    if expected.keys() != measured.keys():
        return [f"units {sorted(expected)} -> {sorted(measured)}"]
    return [f"{unit}: {found}" for unit, cost in measured.items() for found in differences(expected[unit], cost)]


def load() -> Recorded:
    recorded: Recorded = {}
    for row in json.loads(FILE.read_text()):
        play, mode, unit = row.pop("play"), StepMode(row.pop("mode")), row.pop("unit")
        recorded.setdefault(play, {}).setdefault(mode, {})[unit] = Cost(**row)
    return recorded


def save(recorded: Recorded) -> None:
    """A line for each unit and mode, so that a change is easy to read."""
    rows = [
        json.dumps({"play": play, "mode": mode, "unit": unit, **asdict(cost)})
        for play, by_mode in recorded.items()
        for mode, costs in by_mode.items()
        for unit, cost in costs.items()
    ]
    FILE.write_text("[\n" + ",\n".join(rows) + "\n]\n")


async def of_workflow(handle: WorkflowHandle[Any, Any]) -> Cost:
    """What one run has cost until now. It must be idle, and not continued from another run."""
    history = await handle.fetch_history()
    described = (await handle.describe()).raw_description.workflow_execution_info
    assert described.history_length == len(history.events), f"{handle.id} is not idle"
    started = history.events[0].workflow_execution_started_event_attributes
    assert not started.continued_execution_run_id, f"{handle.id} continued as new"
    return Cost(
        events=len(history.events),
        transitions=described.state_transition_count,
        bytes=History(events=history.events).ByteSize(),
        actions=dict(actions.of_history(history.events)),
    )


async def of_standalone(handle: ActivityHandle[Any]) -> Cost:
    """What a standalone activity has cost; it has no history."""
    described = (await handle.describe()).raw_info
    return Cost(
        transitions=described.state_transition_count,
        bytes=described.state_size_bytes,
        actions=dict(actions.of_standalone(described)),
    )
