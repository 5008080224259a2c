"""The house stays in order: each pattern has its file in every room, and the rooms agree on what there is."""

import ast
import importlib
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from temporalio.workflow import _Definition

from activities.message_queue import MessageQueueActivities
from api.app import ROUTES
from clients.entities import RECEIPTS_QUERY
from devstack.demo.scenes import SCENES
from domain.inbox import Batch, Receipt
from domain.message_queue import MESSAGE_QUEUE, TASK_KINDS
from domain.package_tracker import PACKAGE_TRACKER
from domain.pattern import Entity, Pattern
from domain.patterns import ENTITIES, PATTERNS
from domain.plans import Plans
from domain.subscription import SUBSCRIPTION
from infra.http_sender import HttpSender
from infra.work import SimulatedWork
from tests.chaos.units import SHORT, make_units
from tests.conftest import WAITING
from tools.pattern.naming import Naming
from tools.pattern.steps import LEFT, WRITTEN
from workers.activity_methods import activity_methods
from workers.pools import POOLS, Pool

ROOT = Path(__file__).parent.parent
FOLDERS = ("domain", "activities", "infra", "clients", "workers", "api", "cli", "devstack")
MAX_LINES = dict.fromkeys(FOLDERS, 300) | {"workflows": 199}
EMPTY = (("workflows", MESSAGE_QUEUE), ("activities", PACKAGE_TRACKER))
"""The queue is Temporal itself, and a package calls no other system."""
STEPS = {**WRITTEN, **LEFT}


def patterns_in_domain() -> dict[Pattern, None]:
    """Those that are defined, whether or not the table has them."""
    modules = [importlib.import_module(f"domain.{file.stem}") for file in sorted((ROOT / "domain").glob("*.py"))]
    found = (value for module in modules for value in vars(module).values() if isinstance(value, Pattern))
    return dict.fromkeys(pattern for pattern in found if pattern is not SUBSCRIPTION)


PATTERNS_IN_DOMAIN = patterns_in_domain()


def exists(path: str) -> bool:
    return (ROOT / path).exists()


def mentions(path: str, *parts: str) -> bool:
    text = (ROOT / path).read_text()
    return all(part in text for part in parts)


def runs_in_a_scenario(pattern: Pattern) -> bool:
    names = {name for file in (ROOT / "tests/replay").glob("*.py") for name in names_in(file)}
    return any(f"{name}.".startswith(f"workflows.{pattern.name}.") for name in names)


IS_DONE: dict[str, Callable[[Pattern], bool]] = {
    "domain": lambda pattern: exists(f"domain/{pattern.name}.py"),
    "workflow": lambda pattern: exists(f"workflows/{pattern.name}.py") or ("workflows", pattern) in EMPTY,
    "activities": lambda pattern: exists(f"activities/{pattern.name}.py") or ("activities", pattern) in EMPTY,
    "routes": lambda pattern: exists(f"api/routes/{pattern.name}.py"),
    "tests": lambda pattern: any(
        exists(f"tests/{folder}/test_{pattern.name}.py")
        for folder in ("workflows", "activities")
        if (folder, pattern) not in EMPTY
    ),
    "page": lambda pattern: exists(f"docs/patterns/{pattern.name}.md"),
    "row in PATTERNS": lambda pattern: pattern in PATTERNS,
    "row in POOLS": lambda pattern: any(pool.serves == pattern for pool in POOLS),
    "row in ROUTES": lambda pattern: pattern in ROUTES,
    "readme": lambda pattern: mentions(
        "README.md", f"`{pattern.service}`", f"(docs/patterns/{pattern.name}.md)", f"localhost:8080/{pattern.service}/"
    ),
    "row of its page": lambda pattern: mentions(
        "docs/patterns/README.md", f"`{pattern.service}`", f"({pattern.name}.md)"
    ),
    "http": lambda pattern: mentions("docs/http.md", f"| `{pattern.service}` |"),
    "board": lambda pattern: exists(f"deploy/monitoring/dashboards/{pattern.name}.json"),
    "demo": lambda pattern: pattern.name in {scene.__name__ for scene in SCENES.values()},
    "storms": lambda pattern: pattern in {unit.pattern for unit in make_units(random.Random(1), SHORT)},
    "replay": lambda pattern: ("workflows", pattern) in EMPTY or runs_in_a_scenario(pattern),
}
"""How each step of `tools.pattern.steps` is seen."""


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("pattern", PATTERNS_IN_DOMAIN, ids=lambda pattern: pattern.name)
def test_each_pattern_has_all_that_makes_a_pattern(pattern: Pattern, step: str) -> None:
    assert IS_DONE[step](pattern), Naming(pattern.name, pattern.service).fill(STEPS[step])


@pytest.mark.parametrize(("folder", "pattern"), EMPTY)
def test_what_a_pattern_does_without_is_not_there(folder: str, pattern: Pattern) -> None:
    assert not exists(f"{folder}/{pattern.name}.py")


@pytest.mark.parametrize("pool", [pool for pool in POOLS if pool.workflow], ids=lambda pool: pool.task_queue)
def test_each_workflow_has_the_name_by_which_its_service_is_started(pool: Pool) -> None:
    assert isinstance(pool.serves, Pattern)
    assert definition(pool.serves).name == pool.serves.service


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)
def test_each_entitys_workflow_has_the_signals_and_queries_of_its_row(entity: Entity) -> None:
    workflow = definition(entity)
    carried = {handler.signal: [Batch[handler.body]] for handler in entity.handlers.values()}  # type: ignore[name-defined]
    assert {name: signal.arg_types for name, signal in workflow.signals.items()} == carried
    assert workflow.queries[RECEIPTS_QUERY].ret_type == dict[str, Receipt]
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
    files = [file for ending in ("*.py", "*.js") for file in (ROOT / folder).rglob(ending)]
    lines = {file: len(file.read_text().splitlines()) for file in files}
    longest = max(lines, key=lambda file: lines[file])
    assert lines[longest] <= MAX_LINES[folder], longest


def test_the_files_that_begin_first_are_there() -> None:
    assert {each.name for each in (ROOT / "tests").rglob("*")} >= WAITING
