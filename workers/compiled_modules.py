"""Modules of a package that are executed again and again: their code is read once in a process.

The sandbox executes the module of a workflow for each of its runs. Python would look for the file each time, and
unmarshal its bytecode, or compile it where none can be written; and what it executes would change with the file, while
the process goes on with the rest of the old code.
"""

import sys
from collections.abc import Sequence
from copy import copy
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType


def keep(package: str) -> None:
    """Read each module of `package` that is imported from now on only the first time that it is."""
    sys.meta_path.insert(0, _Kept(package))


class _CompiledOnce(SourceFileLoader):
    _code: CodeType | None = None

    def get_code(self, fullname: str) -> CodeType | None:
        self._code = self._code or super().get_code(fullname)
        return self._code


class _Kept(MetaPathFinder):
    def __init__(self, package: str) -> None:
        self._package = package
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != self._package:
            return None
        if fullname not in self._specs:
            spec = PathFinder.find_spec(fullname, path, target)
            if spec and isinstance(spec.loader, SourceFileLoader):
                spec.loader = _CompiledOnce(fullname, spec.loader.path)
            self._specs[fullname] = spec
        return copy(self._specs[fullname])
