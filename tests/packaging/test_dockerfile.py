"""The image: what is in it, who runs it, and that the linter has nothing to say."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COPIED = set(re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE))
PACKAGES = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"])
ON_A_DEVELOPERS_MACHINE = {"devstack", "benchmarks", "cli"}


def test_every_package_is_copied_but_those_of_a_developers_machine() -> None:
    assert COPIED - {"requirements.txt", "alembic.ini"} == PACKAGES - ON_A_DEVELOPERS_MACHINE


@pytest.mark.parametrize("package", sorted(PACKAGES - ON_A_DEVELOPERS_MACHINE))
def test_nothing_in_the_image_imports_what_is_not_in_it(package: str) -> None:
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    distributions = packages_distributions()
    for file in (ROOT / package).rglob("*.py"):
        for module in imported_by(file) - sys.stdlib_module_names - (PACKAGES - ON_A_DEVELOPERS_MACHINE):
            names = {canonical(name) for name in distributions.get(module, [module])}
            assert names & locked, f"{file} imports {module}"


def imported_by(file: Path) -> set[str]:
    """The top-level modules that the file imports."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add((node.module or "").split(".")[0])
    return modules


def canonical(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_the_build_is_sent_what_it_copies_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == COPIED


def test_every_stage_begins_with_the_same_exact_release_of_python() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", bases[0])
    assert set(bases) == {bases[0]}


def test_packages_are_installed_by_hash_alone() -> None:
    (install,) = re.findall(r"pip install (.*)", DOCKERFILE)
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(install.split())
    assert install.endswith("/venv/bin/pip check")


def test_the_image_runs_as_a_user_without_rights() -> None:
    users = re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert users
    assert int(users[-1]) > 0


def test_the_linter_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    subprocess.run([hadolint, ROOT / "Dockerfile"], check=True)
