"""The three rows of a pattern and their imports, each put where a person would put it.

An edit takes the text of a module and returns it with a few lines more. The syntax tree says where they go.
"""

import ast

from tools.pattern.naming import Naming

PATTERNS = "domain/patterns.py"
POOLS = "workers/pools.py"
ROUTES = "api/app.py"

_POOL = """\
    Pool(
        $constant,
        $service,
        lambda r: ${service}Activities(SimulatedWork(r.settings.simulated_work, r.database)),
    ),
"""


def add_to_patterns(source: str, naming: Naming) -> str:
    source = _insert_after(source, _rows(source, "PATTERNS")[-1], naming.fill("    $constant,\n"))
    return _import(source, f"domain.{naming.name}", naming.constant)


def add_to_pools(source: str, naming: Naming, patterns: set[str]) -> str:
    """After the last pool of `patterns`, before those that patterns share."""
    pools = [row for row in _rows(source, "POOLS") if isinstance(row, ast.Call)]
    last = [pool for pool in pools if ast.unparse(pool.args[0]) in patterns][-1]
    source = _insert_after(source, last, naming.fill(_POOL))
    source = _import(source, f"activities.{naming.name}", f"{naming.service}Activities")
    source = _import(source, f"domain.{naming.name}", naming.constant)
    return _import(source, f"workflows.{naming.name}", naming.service)


def add_to_routes(source: str, naming: Naming) -> str:
    source = _insert_after(source, _rows(source, "ROUTES")[-1], naming.fill("    $constant: $name.routes,\n"))
    source = _import_route(source, naming.name)
    return _import(source, f"domain.{naming.name}", naming.constant)


def patterns_in(source: str) -> set[str]:
    """The patterns that have a row in `PATTERNS`, by the names of their constants."""
    return {ast.unparse(row) for row in _rows(source, "PATTERNS")}


def _rows(source: str, table: str) -> list[ast.expr]:
    """The elements of a tuple, or the values of a dictionary, that a module assigns to `table`."""
    for statement in ast.parse(source).body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Tuple(elts=rows) | ast.Dict(values=rows))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Tuple(elts=rows))
            ) if name == table:
                return rows
    raise LookupError(f"There is no table {table}.")


def _import(source: str, module: str, name: str) -> str:
    """Import `name` from `module`, a module of a folder that other imports name too."""
    folder, _, _ = module.partition(".")
    imports = {each.module: each for each in _imports(source) if each.module and each.module.startswith(f"{folder}.")}
    return _insert_sorted(source, imports, module, f"from {module} import {name}\n")


def _import_route(source: str, name: str) -> str:
    """Add a module to those that come from `api.routes`, one on each line."""
    [routes] = [each for each in _imports(source) if each.module == "api.routes"]
    return _insert_sorted(source, {alias.name: alias for alias in routes.names}, name, f"    {name},\n")


def _imports(source: str) -> list[ast.ImportFrom]:
    return [statement for statement in ast.parse(source).body if isinstance(statement, ast.ImportFrom)]


def _insert_sorted(source: str, present: dict[str, ast.ImportFrom] | dict[str, ast.alias], new: str, line: str) -> str:
    """Insert a line among those of `present`, which stand in alphabetical order."""
    before = [name for name in present if name < new]
    if before:
        return _insert_after(source, present[before[-1]], line)
    return _insert_at(source, present[min(present)].lineno - 1, line)


def _insert_after(source: str, node: ast.expr | ast.stmt | ast.alias, text: str) -> str:
    return _insert_at(source, node.end_lineno or node.lineno, text)


def _insert_at(source: str, line: int, text: str) -> str:
    """Insert `text` after so many lines."""
    lines = source.splitlines(keepends=True)
    return "".join([*lines[:line], text, *lines[line:]])
