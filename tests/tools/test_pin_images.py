"""`make images` pins by digest, all images or none."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.pin_images import FILES

ROOT = Path(__file__).parents[2]
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")


def digest_of(digit: str) -> str:
    return f"sha256:{digit * 64}"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The two files, without the digests that they may have."""
    for file in FILES:
        (tmp_path / file).write_text(DIGEST.sub("", (ROOT / file).read_text()))
    return tmp_path


def pin(checkout: Path, docker: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program with a `docker` that is this shell script; it logs what it is asked for."""
    program = checkout / "bin" / "docker"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\necho "$4" >> {checkout}/asked\n{docker}\n')
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}:{os.environ['PATH']}", **variables}
    command = [sys.executable, str(ROOT / "tools/pin_images.py")]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def contents(checkout: Path) -> dict[str, str]:
    return {file: (checkout / file).read_text() for file in FILES}


def images(checkout: Path) -> list[str]:
    return re.findall(r"^(?:FROM|\s+image:) (\S+)", "\n".join(contents(checkout).values()), re.MULTILINE)


def test_every_image_but_our_own_gets_the_digest_of_its_tag(checkout: Path) -> None:
    before = images(checkout)
    assert pin(checkout, f"echo {digest_of('a')}").returncode == 0
    assert images(checkout) == [
        image if image == "durable-patterns:local" else f"{image}@{digest_of('a')}" for image in before
    ]
    asked = (checkout / "asked").read_text().split()
    assert sorted(asked) == sorted({*before} - {"durable-patterns:local"})


def test_what_is_pinned_stays_so_until_it_is_upgraded(checkout: Path) -> None:
    pin(checkout, f"echo {digest_of('a')}")
    pinned = contents(checkout)
    assert pin(checkout, f"echo {digest_of('b')}").returncode == 0
    assert contents(checkout) == pinned
    assert pin(checkout, f"echo {digest_of('b')}", UPGRADE="1").returncode == 0
    assert contents(checkout) == {file: text.replace("a" * 64, "b" * 64) for file, text in pinned.items()}


@pytest.mark.parametrize(
    "docker",
    [
        "echo no network >&2; exit 1",
        "echo 'sha256:abc'",
        "echo",
        f'case "$4" in apache/*) exit 1;; *) echo {digest_of("a")};; esac',
    ],
    ids=["no network", "half a digest", "nothing", "one image is missing"],
)
def test_nothing_changes_if_a_digest_cannot_be_had(checkout: Path, docker: str) -> None:
    before = contents(checkout)
    done = pin(checkout, docker)
    assert done.returncode == 1
    assert done.stderr.startswith("No image was pinned: ")
    assert contents(checkout) == before


def test_without_docker_it_says_so(checkout: Path) -> None:
    command, environment = [sys.executable, str(ROOT / "tools/pin_images.py")], {"PATH": str(checkout)}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "docker" in done.stderr
