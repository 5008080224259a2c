"""Pin the images of Dockerfile and docker-compose.yml by digest: `name:tag` becomes `name:tag@sha256:...`.

`make images` runs it, where there are Docker and a network. The digest is that of the tag's index of platforms, as the
registry gives it, so the same line works on every platform. A pinned image is left as it is: Dependabot raises tag and
digest together. `make images UPGRADE=1` looks up all tags again.
"""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

FILES = ("Dockerfile", "docker-compose.yml")
IMAGE = re.compile(r"(?m)^(?P<before>FROM |\s+image: )(?P<image>[\w./-]+:[\w.-]+)(?P<digest>@sha256:[0-9a-f]{64})?")
OURS = "durable-patterns:"
"""Built here: no registry has it."""


def main() -> int:
    """Returns 1, and changes nothing, if a digest cannot be had."""
    texts = {file: Path(file).read_text() for file in FILES}
    try:
        pinned = {file: IMAGE.sub(_pinned, text) for file, text in texts.items()}
    except (LookupError, OSError) as error:
        print(f"No image was pinned: {error}", file=sys.stderr)
        return 1
    for file, text in pinned.items():
        Path(file).write_text(text)
        print(f"{file}: {'pinned' if text != texts[file] else 'as it was'}")
    return 0


def _pinned(match: re.Match[str]) -> str:
    if match["image"].startswith(OURS) or (match["digest"] and not os.environ.get("UPGRADE")):
        return match[0]
    return f"{match['before']}{match['image']}@{_digest(match['image'])}"


@cache
def _digest(image: str) -> str:
    command = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # names from our own files
    digest = done.stdout.strip()
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise LookupError(f"`{' '.join(command)}` gave no digest: {(done.stderr.strip() or digest)[-300:]}")
    return digest


if __name__ == "__main__":
    sys.exit(main())
