"""What a new pattern would collide with: files, services, classes, and names within one module."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from tools.pattern.naming import Naming, Refused

_FOLDERS = ("domain", "workflows", "activities")


def check(naming: Naming, root: Path, new: Mapping[str, str], changed: Mapping[str, str]) -> None:
    """Compare files that are to be written, by their paths from `root`, with those that are there. Raises `Refused`."""
    for path in new:
        if (root / path).exists():
            raise Refused(f"{path} exists: choose another name than {naming.name!r}.")
    modules = {path: text for path, text in {**new, **changed}.items() if path.endswith(".py")}
    classes = {name for text in modules.values() for name in _declared(text)[1] if name.startswith(naming.service)}
    for file in (file for folder in _FOLDERS for file in sorted((root / folder).glob("*.py"))):
        _check_file(naming, file.read_text(), str(file.relative_to(root)), classes)
    for path, text in modules.items():
        for name, times in Counter(_bound(ast.parse(text).body)).items():
            if times > 1:
                raise Refused(f"In {path}, {name} would mean two things: choose another name or service.")


def _check_file(naming: Naming, text: str, path: str, classes: set[str]) -> None:
    patterns, theirs = _declared(text)
    for name, service in patterns:
        if name == naming.name:
            raise Refused(f"{path} has a pattern {name}: choose another name.")
        if service == naming.service:
            raise Refused(f"{path} has a service {service}: choose another service.")
    if taken := sorted(classes.intersection(theirs)):
        raise Refused(f"{path} has a class {taken[0]}: choose another service than {naming.service!r}.")


@cache
def _declared(text: str) -> tuple[list[tuple[object, object]], list[str]]:
    """Name and service of each pattern in a module, and the module's classes."""
    patterns: list[tuple[object, object]] = []
    classes: list[str] = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(
                func=ast.Name(id="Pattern" | "Entity"),
                args=[ast.Constant(value=name), ast.Constant(value=service), *_],
            ):
                patterns.append((name, service))
            case ast.ClassDef(name=class_name):
                classes.append(class_name)
    return patterns, classes


def _bound(body: Iterable[ast.stmt]) -> Iterator[str]:
    """What a module imports, defines and assigns. A name that is bound twice hides its first meaning."""
    for statement in body:
        match statement:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.With(body=inner):
                yield from _bound(inner)
