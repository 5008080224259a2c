"""Wheels without contents, to install from in a moment and without a network.

Each has the metadata of an installed package, so an installer that reads requirements sees the real ones.
"""

import hashlib
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LATER = "9999"
"""A version of every package that nothing locks: what an installer takes that looks for the newest."""


def build_index(folder: Path, locked: list[Requirement]) -> str:
    """Fill the folder with a wheel of each locked package and a later one. Return a requirements file for them."""
    folder.mkdir()
    requirements = []
    for pin in locked:
        metadata = distribution(pin.name).read_text("METADATA")
        assert metadata
        version = distribution(pin.name).version
        digest = hashlib.sha256(_wheel(folder, pin.name, version, metadata).read_bytes()).hexdigest()
        _wheel(folder, pin.name, LATER, metadata.replace(f"\nVersion: {version}\n", f"\nVersion: {LATER}\n", 1))
        requirements.append(f"{pin.name}=={version} --hash=sha256:{digest}\n")
    return "".join(requirements)


def _wheel(folder: Path, name: str, version: str, metadata: str) -> Path:
    stem = f"{canonicalize_name(name).replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    files = {
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{stem}-py3-none-any.whl"
    with ZipFile(path, "w") as wheel:
        for name_in_wheel, content in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(name_in_wheel, content)
    return path
