"""The requirements files hold all that is installed: every requirement of every package, with versions and hashes.

What a package requires is read from the packages installed here. Those that only the benchmarks, `make lock`,
`make sbom`, `make advisories` or `make chart` need are not installed here: `make wheels`, which `make lock` ends with,
checks them against the index. What an extra in pyproject.toml adds to one of those (`restate-sdk[serde]`) is as `make
lock` wrote it.
"""

import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from tests.packaging.lock_files import (
    ENVIRONMENTS,
    LOCKS,
    PROJECT,
    PYTHONS,
    ROOT,
    Environment,
    lines,
    pins,
    unmet,
    version_of,
    wanted,
)

HERE = Environment(".".join(map(str, sys.version_info[:2])), sys.platform, default_environment()["platform_machine"])
FOR_EACH_LOCK = pytest.mark.parametrize("lock", LOCKS)
FOR_EACH_ENVIRONMENT = pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)


@cache
def read(lock: str) -> list[Requirement]:
    return pins((ROOT / lock).read_text())


@cache
def installed(package: NormalizedName) -> list[Requirement]:
    """What an installed package requires; nothing for a package that is not installed."""
    try:
        return [Requirement(text) for text in distribution(package).requires or []]
    except PackageNotFoundError:
        return []


@FOR_EACH_ENVIRONMENT
@FOR_EACH_LOCK
def test_every_requirement_of_a_locked_package_is_locked(lock: str, environment: Environment) -> None:
    assert unmet(read(lock), wanted(LOCKS[lock]), installed, environment) == set()


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_the_requirements_were_read_from_the_locked_versions(lock: str) -> None:
    for pin in read(lock):
        if HERE.has(pin):
            assert distribution(pin.name).version == str(version_of(pin)), f"{pin}: run `make install`"


@FOR_EACH_ENVIRONMENT
def test_a_lock_without_what_an_extra_requires_is_detected(environment: Environment) -> None:
    locked = [pin for pin in read("requirements-dev.txt") if pin.name != "greenlet"]
    missing = unmet(locked, wanted("dev"), installed, environment)
    assert [each.split()[-1] for each in missing if each.startswith("greenlet")].count("(sqlalchemy[asyncio])") == 1


def test_an_extra_that_another_package_asks_for_counts_on_the_pythons_it_is_for() -> None:
    requires = {
        "pytest-cov": [Requirement("coverage[toml]>=7.10.6")],
        "coverage": [Requirement('tomli; extra == "toml" and python_version < "3.12"')],
    }
    locked = [Requirement("pytest-cov==7.1.0"), Requirement("coverage==7.17.4")]
    for environment in ENVIRONMENTS:
        missing = unmet(locked, [], lambda name: requires.get(name, []), environment)
        assert bool(missing) is (environment.python == "3.11")


def test_a_version_that_a_package_does_not_accept_is_detected() -> None:
    locked = [Requirement("pytest-cov==7.1.0"), Requirement("coverage==7.10.5")]
    requires = {"pytest-cov": [Requirement("coverage[toml]>=7.10.6")]}
    assert unmet(locked, [], lambda name: requires.get(name, []), HERE) == {"coverage[toml]>=7.10.6 (pytest-cov)"}


@FOR_EACH_LOCK
def test_each_package_has_one_version_and_its_hashes(lock: str) -> None:
    for line in lines((ROOT / lock).read_text()):
        assert version_of(Requirement(line.split(" --hash=")[0].strip()))
        assert re.search(r" --hash=sha256:[0-9a-f]{64}", line), line


@FOR_EACH_LOCK
def test_no_file_names_an_index(lock: str) -> None:
    assert not re.search(r"://|^\s*-", re.sub(r"^\s+--hash.*$", "", (ROOT / lock).read_text(), flags=re.MULTILINE))


@FOR_EACH_ENVIRONMENT
def test_a_package_has_the_same_version_in_every_file(environment: Environment) -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for pin in filter(environment.has, read(lock)):
            versions.setdefault(canonicalize_name(pin.name), set()).add(str(version_of(pin)))
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_the_pythons_are_those_that_the_project_requires() -> None:
    required = SpecifierSet(PROJECT["project"]["requires-python"])
    assert [f"3.{minor}" for minor in range(30) if required.contains(f"3.{minor}")] == list(PYTHONS)
    assert "for python in " + " ".join(PYTHONS) in (ROOT / "tools/wheels.sh").read_text()
