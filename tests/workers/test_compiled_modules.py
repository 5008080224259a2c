"""A module of a kept package is executed by each import, and read by the first."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from workers import compiled_modules

PACKAGE = "a_package_to_keep"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    yield folder
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


def imported() -> ModuleType:
    """As the sandbox imports: nothing of the package was imported before."""
    forget()
    importlib.invalidate_caches()
    return importlib.import_module(f"{PACKAGE}.flow")


class TestAKeptModule:
    def test_is_executed_each_time(self, folder: Path) -> None:
        (folder / "flow.py").write_text("state = []")
        compiled_modules.keep(PACKAGE)
        first = imported()
        first.state.append(1)
        assert imported().state == []

    def test_goes_on_with_the_code_that_was_read_first(self, folder: Path) -> None:
        flow = folder / "flow.py"
        flow.write_text("version = 1")
        compiled_modules.keep(PACKAGE)
        assert imported().version == 1
        flow.write_text("version = 22")
        assert imported().version == 1

    def test_has_the_attributes_of_any_module(self, folder: Path) -> None:
        (folder / "flow.py").write_text("version = 1")
        names = ("__name__", "__file__", "__package__", "__cached__", "__doc__")
        plain = {name: getattr(imported(), name) for name in names}
        compiled_modules.keep(PACKAGE)
        assert {name: getattr(imported(), name) for name in names} == plain
        assert sys.modules[PACKAGE].__path__ == [str(folder)]

    def test_that_does_not_exist_is_not_found(self, folder: Path) -> None:
        compiled_modules.keep(PACKAGE)
        with pytest.raises(ModuleNotFoundError):
            imported()


def test_a_module_of_another_package_is_read_each_time(folder: Path) -> None:
    flow = folder / "flow.py"
    flow.write_text("version = 1")
    compiled_modules.keep("another_package")
    assert imported().version == 1
    flow.write_text("version = 22")
    assert imported().version == 22
