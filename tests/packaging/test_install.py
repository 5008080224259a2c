"""The install step, `tools/install.sh`, with several pips and with uv, from an index that has later releases too."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.utils import canonicalize_name

from tests.packaging.lock_files import ROOT, pins, version_of
from tests.packaging.small_index import LATER, build_index
from tests.packaging.test_locks import HERE, read

OLD_PIP = "23.0.1" if sys.version_info < (3, 12) else "23.2.1"
"""The pip of Debian 12, or the oldest that CPython 3.12 brings, as older ones do not start there. Both resolve extras
on their own."""
PIPS = {
    "23.0.1": "236bcb61156d76c4b8a05821b988c7b8c35bf0da28a4b614e8d6ab5212c25c6f",
    "23.2.1": "7ccf472345f20d35bdc9d1841ff5f313260c2c33fe417f48c30ac46cccabf5be",
    "26.3": "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
}
"""The hash of each pip's wheel."""

REAL_PYTHON = Path(sys.base_prefix) / "bin" / "python3"


@dataclass
class Install:
    """Runs the install step on a small index, with the PATH and the environment of a chosen machine."""

    folder: Path
    requirements: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def venv(self) -> Path:
        return self.folder / "venv"

    def write(self, requirements: str) -> None:
        (self.folder / "requirements.txt").write_text(requirements)

    def line(self, package: str) -> str:
        """The line of the full requirements file that has this package."""
        return next(line for line in self.requirements.splitlines(True) if line.startswith(f"{package}=="))

    def program(self, name: str, script: str) -> None:
        """Put a program on the PATH."""
        path = self.folder / "programs" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def __call__(self, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.variables, **variables}
        command: list[str | Path] = ["sh", ROOT / "tools/install.sh", self.venv, self.folder / "requirements.txt", "1"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def packages(self) -> dict[str, str]:
        """What is installed, by name; without what `venv` itself puts there."""
        (folder,) = self.venv.glob("lib/python*/site-packages")
        found = {canonicalize_name(each.name): each.version for each in distributions(path=[str(folder)])}
        return {name: version for name, version in found.items() if name not in {"pip", "setuptools"}}


@pytest.fixture(scope="module")
def small_index(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with wheels, and a requirements file for what requirements-dev.txt installs here."""
    folder = tmp_path_factory.mktemp("index") / "wheels"
    return folder, build_index(folder, [pin for pin in read("requirements-dev.txt") if HERE.has(pin)])


@pytest.fixture(scope="module")
def fresh_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `python3 -m venv` makes, which takes seconds: tests copy it."""
    venv = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([REAL_PYTHON, "-m", "venv", venv], check=True)
    return venv


@pytest.fixture
def install(tmp_path: Path, small_index: tuple[Path, str], fresh_venv: Path) -> Install:
    """On a machine that has no uv, with this Python as `python3` (which copies `fresh_venv` instead of making one)."""
    index, requirements = small_index
    (tmp_path / "programs").mkdir()
    (tmp_path / "uv.toml").write_text(f'no-index = true\nfind-links = ["{index}"]\n')
    step = Install(tmp_path, requirements)
    step.write(requirements)
    step.variables = {
        "PATH": f"{tmp_path / 'programs'}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "PYTHON": "",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        "UV_CONFIG_FILE": str(tmp_path / "uv.toml"),
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
    }
    step.program("python3", f'[ "$1 $2" != "-m venv" ] || exec cp -Rp "{fresh_venv}" "$3"\nexec "{REAL_PYTHON}" "$@"')
    return step


@pytest.fixture
def one_package(install: Install) -> Install:
    install.write(install.line("idna"))
    return install


def locked(install: Install) -> dict[str, str]:
    requirements = (install.folder / "requirements.txt").read_text()
    return {canonicalize_name(pin.name): str(version_of(pin)) for pin in pins(requirements)}


@pytest.fixture(scope="module")
def other_pip(
    pytestconfig: pytest.Config, fresh_venv: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Gives the folder of a pip, downloaded once and kept in pytest's cache; skips where there is no network."""

    def find(version: str) -> Path:
        assert pytestconfig.cache
        kept = pytestconfig.cache.mkdir("pip") / version
        if not kept.exists():
            folder = tmp_path_factory.mktemp("pip")
            (folder / "pip.txt").write_text(f"pip=={version} --hash=sha256:{PIPS[version]}\n")
            download: list[str | Path] = [
                fresh_venv / "bin/python",
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--require-hashes",
            ]
            download += ["--retries", "1", "--dest", folder, "--requirement", folder / "pip.txt"]
            done = subprocess.run(download, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"pip {version} cannot be downloaded: {done.stderr.strip().splitlines()[-1]}")
            (wheel,) = folder.glob("*.whl")
            ZipFile(wheel).extractall(folder / "pip")
            shutil.move(folder / "pip", kept)
        return kept

    return find


def check_that_exactly_the_lock_is_installed(install: Install, **variables: str) -> None:
    done = install(**variables)
    assert done.returncode == 0, done.stderr
    assert install.packages() == locked(install)


def test_the_pip_of_this_python_installs_exactly_what_is_locked(install: Install) -> None:
    check_that_exactly_the_lock_is_installed(install)


@pytest.mark.parametrize("version", [OLD_PIP, "26.3"])
def test_another_pip_installs_exactly_what_is_locked(
    install: Install, other_pip: Callable[[str], Path], version: str
) -> None:
    check_that_exactly_the_lock_is_installed(install, PYTHONPATH=str(other_pip(version)))


def test_uv_installs_exactly_what_is_locked(install: Install) -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not on the PATH")
    (install.folder / "programs/uv").symlink_to(uv)
    check_that_exactly_the_lock_is_installed(install)
    assert not list(install.venv.glob("bin/pip*"))


def test_a_lock_that_lacks_a_required_package_is_refused(install: Install) -> None:
    install.write(install.line("pytest-cov"))
    done = install()
    assert done.returncode != 0
    assert "pytest-cov 7.1.0 requires coverage, which is not installed." in done.stderr


def test_a_complete_environment_is_left_as_it_is(one_package: Install) -> None:
    assert "Installing" in one_package().stdout
    again = one_package()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_changed_lock_leaves_nothing_of_the_previous_one(one_package: Install) -> None:
    one_package()
    one_package.write(one_package.line("h11"))
    check_that_exactly_the_lock_is_installed(one_package)


def test_an_interrupted_install_is_repeated(one_package: Install) -> None:
    one_package.write(one_package.line("idna") + f"h11=={LATER} --hash=sha256:{'0' * 64}\n")
    assert one_package().returncode != 0
    assert (one_package.venv / "pyvenv.cfg").exists()
    assert one_package().returncode != 0
    one_package.write(one_package.line("idna"))
    check_that_exactly_the_lock_is_installed(one_package)


def test_an_environment_whose_python_was_removed_is_recreated(one_package: Install) -> None:
    one_package()
    for name in one_package.venv.glob("bin/python*"):
        name.unlink()
        name.symlink_to(one_package.folder / "removed")
    check_that_exactly_the_lock_is_installed(one_package)


def test_an_environment_that_was_moved_is_recreated(one_package: Install) -> None:
    one_package()
    one_package.venv.rename(one_package.folder / "moved")
    one_package.venv.symlink_to(one_package.folder / "moved")
    assert "Installing" in one_package().stdout


def test_a_folder_that_is_no_environment_is_not_touched(one_package: Install) -> None:
    one_package.venv.mkdir()
    (one_package.venv / "thesis.txt").touch()
    assert "is not a virtual environment" in one_package().stderr
    assert (one_package.venv / "thesis.txt").exists()


@pytest.mark.parametrize(
    ("lacks", "remedy"),
    [("version_info", "Python 3.11 to 3.14 is needed"), ("ensurepip", "apt install python3-venv")],
    ids=["too old", "without venv"],
)
def test_an_unsuitable_python_is_refused_in_one_line(one_package: Install, lacks: str, remedy: str) -> None:
    one_package.program("python3", f'case "$*" in *{lacks}*) exit 1 ;; esac\nexec "{REAL_PYTHON}" "$@"')
    done = one_package()
    assert done.returncode != 0
    assert done.stdout == ""
    assert remedy in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not one_package.venv.exists()


def test_a_python_that_is_not_there_is_refused_in_one_line(one_package: Install) -> None:
    done = one_package(PYTHON="python3.99")
    assert done.stderr.splitlines() == [
        "Python 3.11 to 3.14 is needed, and python3.99 is not: make install PYTHON=python3.13"
    ]
