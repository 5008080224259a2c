"""A gateway in a process of its own, without a Temporal."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]


@contextmanager
def gateway_process(folder: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield the process, which listens, and its URL. Its database is in `folder`."""
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/db",
        "GATEWAY_PORT": "0",
        "PAYLOAD_ENCRYPTION": "off",
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        **variables,
    }
    command = [sys.executable, "-m", "api"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            url = next(line for line in process.stderr if "listening on " in line).rpartition(" ")[2].strip()
            yield process, url
        finally:
            process.kill()
