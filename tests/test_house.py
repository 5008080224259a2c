"""The house stays in order: each pattern has its file in every room, and the rooms agree on what there is."""

from pathlib import Path

import pytest

from activities.message_queue import MessageQueueActivities
from api.app import ROUTES
from domain.message_queue import TASK_KINDS
from domain.patterns import MESSAGE_QUEUE, PACKAGE_TRACKER, PATTERNS, Pattern
from infra.http_sender import HttpSender
from infra.work import SimulatedWork
from workers.activity_methods import activity_methods
from workers.pools import POOLS

ROOT = Path(__file__).parent.parent
ROOMS = {
    "domain": "{}.py",
    "workflows": "{}.py",
    "activities": "{}.py",
    "api/routes": "{}.py",
    "docs/patterns": "{}.md",
}
MAX_LINES = dict.fromkeys(("domain", "activities", "infra", "workers", "api", "devstack"), 300) | {"workflows": 199}
EMPTY = {("workflows", MESSAGE_QUEUE), ("activities", PACKAGE_TRACKER)}
"""The queue is Temporal itself, and a package asks nobody anything."""


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_each_pattern_has_its_file_in_every_room(pattern: Pattern, room: str) -> None:
    file = ROOT / room / ROOMS[room].format(pattern.name)
    assert file.exists() is ((room, pattern) not in EMPTY)


def test_each_pattern_has_a_pool_routes_and_a_section_in_the_readme() -> None:
    assert {pattern.task_queue for pattern in PATTERNS} <= {pool.task_queue for pool in POOLS}
    assert set(ROUTES) == set(PATTERNS)
    readme = (ROOT / "README.md").read_text()
    assert all(f"`{pattern.service}`" in readme for pattern in PATTERNS)


async def test_each_task_kind_is_an_activity_and_each_activity_a_kind() -> None:
    http = HttpSender([])
    methods = activity_methods(MessageQueueActivities(SimulatedWork.__new__(SimulatedWork), http))
    names = {method.__temporal_activity_definition.name for method in methods}  # type: ignore[attr-defined]
    await http.aclose()
    assert names == set(TASK_KINDS)


@pytest.mark.parametrize("folder", MAX_LINES)
def test_files_fit_in_the_head(folder: str) -> None:
    lines = {file: len(file.read_text().splitlines()) for file in (ROOT / folder).rglob("*.py")}
    longest = max(lines, key=lambda file: lines[file])
    assert lines[longest] <= MAX_LINES[folder], longest
