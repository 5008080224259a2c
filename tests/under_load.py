"""Run the tests again and again on a busy machine: whatever fails there depends on the machine's speed.

    python tests/under_load.py                          five times `make test`, with one busy loop per core
    python tests/under_load.py --runs 2 -- make test VENV=/opt/venv
    python tests/under_load.py --loops 6 -- .venv/bin/python -m pytest tests/workers/kafka

Prints each run's time and result, and the tests that failed; its output is in a file. Exit code 1 if a run failed or
took too long. It ends what it started; the busy loops end even when it is killed.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Ends with its parent or after a time limit: a forgotten loop would slow down everything else.
LOOP = """
import os, sys, time
parent, end = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
while os.getppid() == parent and time.monotonic() < end:
    for _ in range(1_000_000):
        pass
"""
PATIENCE_SECONDS = 60.0
"""Between SIGTERM and SIGKILL for a run that takes too long."""


def main() -> int:
    arguments = parse()
    logs = Path(tempfile.mkdtemp(prefix="under-load-"))
    say(f"{arguments.runs} times `{' '.join(arguments.command)}` with {arguments.loops} busy loops; output in {logs}")
    limit_seconds = 60.0 * arguments.minutes
    with busy(arguments.loops, arguments.runs * (limit_seconds + PATIENCE_SECONDS)):
        passed = [run(number + 1, arguments.command, limit_seconds, logs) for number in range(arguments.runs)]
    say(f"{sum(passed)} of {len(passed)} runs passed.")
    return 0 if all(passed) else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="how often (5)")
    parser.add_argument("--loops", type=int, default=os.cpu_count() or 2, help="busy loops during the tests (cores)")
    parser.add_argument("--minutes", type=float, default=60, help="for one run, until it is ended as failed (60)")
    parser.add_argument("command", nargs="*", default=["make", "test"], help="what to run (make test)")
    return parser.parse_args()


@contextmanager
def busy(loops: int, limit_seconds: float) -> Iterator[None]:
    """Keep the cores busy, for at most this long."""
    command = [sys.executable, "-I", "-S", "-c", LOOP, str(os.getpid()), str(limit_seconds)]
    running: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(loops):
            running.append(subprocess.Popen(command))
        yield
    finally:
        for loop in running:
            loop.kill()
        for loop in running:
            loop.wait()


def run(number: int, command: list[str], limit_seconds: float, logs: Path) -> bool:
    """Run the command once, in a session of its own. Whether it succeeded in time."""
    file = logs / f"run-{number}.txt"
    began = time.monotonic()
    with file.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True)
        try:
            process.wait(limit_seconds)
            result = "passed" if process.returncode == 0 else f"FAILED, exit code {process.returncode}"
        except subprocess.TimeoutExpired:
            result = "FAILED, took too long"
        finally:
            end(process)
    say(f"run {number}: {time.monotonic() - began:.0f} s, {result}")
    for line in file.read_text(errors="replace").splitlines():
        if line.startswith(("FAILED ", "ERROR ")) or (line.startswith("=") and line.endswith("=") and " in " in line):
            say(f"    {line}")
    return result == "passed"


def end(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started, if it still runs."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_SECONDS)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def interrupted(number: int, _: object) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, interrupted)
    sys.exit(main())
