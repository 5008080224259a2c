"""The house stays in order: each pattern has its file in every room, and the rooms agree on what there is."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.workflow import _Definition

from activities.message_queue import MessageQueueActivities
from api.app import ROUTES
from clients.entities import RECEIPT_QUERY
from domain.inbox import Batch, Receipt
from domain.message_queue import MESSAGE_QUEUE, TASK_KINDS
from domain.package_tracker import PACKAGE_TRACKER
from domain.pattern import Entity, Pattern
from domain.patterns import ENTITIES, PATTERNS
from domain.plans import Plans
from infra.http_sender import HttpSender
from infra.work import SimulatedWork
from workers.activity_methods import activity_methods
from workers.pools import POOLS, Pool

ROOT = Path(__file__).parent.parent
ROOMS = {
    "domain": "{}.py",
    "workflows": "{}.py",
    "activities": "{}.py",
    "api/routes": "{}.py",
    "docs/patterns": "{}.md",
}
FOLDERS = ("domain", "activities", "infra", "clients", "workers", "api", "devstack")
MAX_LINES = dict.fromkeys(FOLDERS, 300) | {"workflows": 199}
EMPTY = {("workflows", MESSAGE_QUEUE), ("activities", PACKAGE_TRACKER)}
"""The queue is Temporal itself, and a package calls no other system."""


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_each_pattern_has_its_file_in_every_room(pattern: Pattern, room: str) -> None:
    file = ROOT / room / ROOMS[room].format(pattern.name)
    assert file.exists() is ((room, pattern) not in EMPTY)


def test_each_pattern_has_a_pool_routes_and_a_section_in_the_readme() -> None:
    assert set(PATTERNS) <= {pool.serves for pool in POOLS}
    assert set(ROUTES) == set(PATTERNS)
    readme = (ROOT / "README.md").read_text()
    assert all(f"`{pattern.service}`" in readme for pattern in PATTERNS)


@pytest.mark.parametrize("pool", [pool for pool in POOLS if pool.workflow], ids=lambda pool: pool.task_queue)
def test_each_workflow_has_the_name_by_which_its_service_is_started(pool: Pool) -> None:
    assert isinstance(pool.serves, Pattern)
    assert definition(pool.serves).name == pool.serves.service


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)
def test_each_entitys_workflow_has_the_signals_and_queries_of_its_row(entity: Entity) -> None:
    workflow = definition(entity)
    carried = {handler.signal: [Batch[handler.body]] for handler in entity.handlers.values()}  # type: ignore[name-defined]
    assert {name: signal.arg_types for name, signal in workflow.signals.items()} == carried
    assert workflow.queries[RECEIPT_QUERY].ret_type == Receipt | None
    assert entity.state in (None, workflow.queries["state"].ret_type)
    assert workflow.arg_types == [type(entity.start_input("key", Plans()))]


def definition(pattern: Pattern) -> _Definition:
    [workflow] = [pool.workflow for pool in POOLS if pool.serves == pattern and pool.workflow]
    return _Definition.must_from_class(workflow)


def test_workflows_reach_no_server_and_no_network() -> None:
    unwanted = re.compile(
        r"temporalio\.(client|service|worker)\b|(socket|ssl|http|urllib|httpx2|threading|subprocess|random|time)\b"
        r"|asyncio\.(open_\w+|start_\w*server|create_subprocess_\w+|to_thread)\b"
    )
    names = {file: names_in(file) for file in (ROOT / "workflows").glob("*.py")}
    assert names
    found = {f"{file.name}: {name}" for file in names for name in names[file] if unwanted.match(name)}
    assert found == set()


def names_in(file: Path) -> Iterator[str]:
    """What `file` imports, and the attributes that it uses of modules, as dotted names."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


PATTERN_FILES = [ROOT / "domain" / f"{pattern.name}.py" for pattern in PATTERNS]


@pytest.mark.parametrize(
    ("module", "files"),
    [("domain.patterns", PATTERN_FILES), ("api.app", [*(ROOT / "domain").glob("*.py")])],
    ids=["the table has those of the patterns", "the gateway has all"],
)
def test_every_business_failure_is_registered_whatever_else_was_imported(module: str, files: list[Path]) -> None:
    script = f"import {module}; from domain.errors import BUSINESS_FAILURES; print(*BUSINESS_FAILURES)"
    known = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert {failure for file in files for failure in business_failures_in(file)} <= set(known.split())


def business_failures_in(file: Path) -> set[str]:
    classes = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ClassDef))
    return {each.name for each in classes if "BusinessFailure" in map(ast.unparse, each.bases)}


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
