"""Which processes read a setting, found in the code: whoever writes `settings.NAME`, or calls what does."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import compress
from pathlib import Path

from infra.settings import Settings

ROOT = Path(__file__).parents[2]
FOLDERS = {"gateway": "api", "workers": "workers", "migrations": "infra/migrations"}
"""Where the code is that one process alone runs. What is in `infra` beside it is run by those that call it."""


@dataclass(frozen=True)
class Definition:
    """A function, a class, or what a module does by itself (`name` is then None)."""

    file: Path
    name: str | None
    reads: frozenset[str]
    mentions: frozenset[str]


def readers(setting: str) -> tuple[str, ...]:
    """The processes that read it, in the order of `FOLDERS`."""
    return tuple(process for process in FOLDERS if setting in _read_by(process))


@cache
def _read_by(process: str) -> frozenset[str]:
    """What the process's own code reads, and all definitions of `infra` that it mentions, and those that they do."""
    folder = ROOT / FOLDERS[process]
    left = [found for found in _definitions(ROOT / "infra") if not _is_own(found.file)]
    reached = _definitions(folder)
    for found in reached:  # grows while it is read
        used = [_mentions(found, each) for each in left]
        reached += compress(left, used)
        left = [each for each, is_used in zip(left, used, strict=True) if not is_used]
    return frozenset().union(*(found.reads for found in reached))


def _is_own(file: Path) -> bool:
    return file.is_relative_to(ROOT / FOLDERS["migrations"])


def _mentions(user: Definition, used: Definition) -> bool:
    if used.name is None or used.name not in user.mentions:
        return False
    return used.file == user.file or not used.name.startswith("_")


def _definitions(folder: Path) -> list[Definition]:
    return [found for file in sorted(folder.rglob("*.py")) if file.name != "settings.py" for found in _of_file(file)]


def _of_file(file: Path) -> Iterator[Definition]:
    for node in ast.parse(file.read_text()).body:
        name = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else None
        yield Definition(file, name, frozenset(_fields(node)), frozenset(_names(node)))


def _fields(tree: ast.AST) -> Iterator[str]:
    """The settings of `settings.NAME` and `x.settings.NAME`; of a property, those that it reads."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="settings") | ast.Attribute(attr="settings"), attr=name):
                yield from _properties().get(name, {name})


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name


@cache
def _properties() -> dict[str, set[str]]:
    [settings] = [
        node
        for node in ast.parse((ROOT / "infra/settings.py").read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == Settings.__name__
    ]
    return {
        each.name: {name for name in _names(each) if name in Settings.model_fields}
        for each in settings.body
        if isinstance(each, ast.FunctionDef) and any(isinstance(d, ast.Name) for d in each.decorator_list)
    }
