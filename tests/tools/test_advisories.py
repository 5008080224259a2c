"""`make advisories` fails on what it finds, and never takes an unfinished check for a passed one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CLEAN = {"name": "fastapi", "version": "1.0", "vulns": []}
AFFECTED = {
    "name": "starlette",
    "version": "0.1",
    "vulns": [{"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["0.2"], "description": "long"}],
}
UNKNOWN = {"name": "httpx2", "skip_reason": "Dependency not found on PyPI and could not be audited: httpx2 (2.16.2)"}
NO_CONNECTION = "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='index', port=443): Max retries exceeded"


def check(tmp_path: Path, packages: list[dict[str, Any]] | None, error: str = "", **variables: str) -> tuple[int, str]:
    """Run the check with a pip-audit that answers this. Return its exit code and its output."""
    (tmp_path / "answer.json").write_text("" if packages is None else json.dumps({"dependencies": packages}))
    (tmp_path / "pip_audit.py").write_text(
        "import sys, pathlib\n"
        f"print(pathlib.Path({str(tmp_path / 'answer.json')!r}).read_text())\n"
        f"sys.exit({error!r} or None)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), **variables}
    command = [sys.executable, str(ROOT / "tools/advisories.py"), "requirements.txt"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_packages_without_an_advisory_pass(tmp_path: Path) -> None:
    code, output = check(tmp_path, [CLEAN, {**CLEAN, "name": "pydantic"}])
    assert (code, output) == (0, "requirements.txt: none of the 2 packages has an advisory.\n")


def test_an_advisory_fails_and_says_which_version_is_fixed(tmp_path: Path) -> None:
    code, output = check(tmp_path, [CLEAN, AFFECTED], error="Found 1 known vulnerability in 1 package")
    assert (code, output) == (1, "starlette 0.1: PYSEC-2026-1, CVE-2026-1; fixed in 0.2.\n")


def test_a_package_that_was_not_looked_up_fails(tmp_path: Path) -> None:
    code, output = check(tmp_path, [CLEAN, UNKNOWN])
    assert code == 1
    assert output.startswith("httpx2: not checked. ")


@pytest.mark.parametrize(
    ("packages", "error"), [(None, NO_CONNECTION), ([UNKNOWN], "")], ids=["no network", "an index without advisories"]
)
def test_without_advisories_the_check_is_skipped_but_in_ci_it_fails(
    tmp_path: Path, packages: list[dict[str, Any]] | None, error: str
) -> None:
    code, output = check(tmp_path, packages, error, ADVISORIES="")
    assert code == 0
    assert output.startswith("skipped: requirements.txt was not checked")
    code, output = check(tmp_path, packages, error, ADVISORIES="required")
    assert code == 2
    assert output.startswith("failed: requirements.txt was not checked")


def test_a_file_that_cannot_be_checked_is_not_skipped(tmp_path: Path) -> None:
    code, output = check(tmp_path, None, "ERROR:pip_audit._cli:requirement fastapi does not contain a hash")
    assert code == 2
    assert "does not contain a hash" in output
