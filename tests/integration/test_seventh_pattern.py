"""A seventh pattern costs six files and three rows: `make pattern` writes them, and what it has written runs.

They are written in a copy of this tree, and checked there as any change is checked.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import httpx2
import pytest

from devstack import servers
from devstack.stack import Stack
from tests.conftest import executable
from tools.pattern.layout import FILES
from tools.pattern.naming import Naming
from tools.pattern.rows import PATTERNS, POOLS, ROUTES
from tools.pattern.steps import LEFT

ROOT = Path(__file__).parents[2]
SEVENTH = Naming("seventh", "SeventhPattern")
"""Not the example of the pages: a tree in which that has been tried is tested too."""
PYTHON_FILES = [PATTERNS, POOLS, ROUTES, *(SEVENTH.fill(path) for path in FILES if path.endswith(".py"))]
NOT_COPIED = (".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", "node_modules", "data")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The copy, in which the pattern has been laid out."""
    copy = tmp_path_factory.mktemp("seventh") / "house"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    succeed(copy, sys.executable, "-m", "tools.pattern", SEVENTH.name, SEVENTH.service)
    return copy


def run(house: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment in the copy, without others on the PATH: its tests then look for no Kafka."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PATH"] = str(Path(sys.executable).parent)
    return subprocess.run(command, cwd=house, env=environment, check=False, capture_output=True, text=True)


def succeed(house: Path, *command: str) -> None:
    done = run(house, *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_written_is_formatted_lint_free_and_in_plain_words(house: Path) -> None:
    succeed(house, executable("ruff"), "format", "--check", ".")
    succeed(house, executable("ruff"), "check", ".")
    succeed(house, sys.executable, "-m", "tests.packaging.words")


def test_its_types_are_right_and_those_of_the_tables_still_are(house: Path) -> None:
    succeed(house, executable("mypy"), *PYTHON_FILES)


def test_its_imports_point_the_right_way(house: Path) -> None:
    succeed(house, executable("lint-imports"))


def test_its_own_tests_pass_and_the_links_of_its_page_lead_somewhere(house: Path) -> None:
    files = ("tests/workflows/test_seventh.py", "tests/packaging/test_pages.py")
    succeed(house, sys.executable, "-m", "pytest", "-q", *files, "-k", SEVENTH.name)


def test_the_house_names_exactly_what_is_left_to_its_author(house: Path, tmp_path: Path) -> None:
    run(house, sys.executable, "-m", "pytest", "-q", "tests/test_house.py", f"--junitxml={tmp_path / 'report.xml'}")
    failures = ElementTree.parse(tmp_path / "report.xml").iterfind(".//failure")
    messages = {failure.attrib["message"].splitlines()[0].removeprefix("AssertionError: ") for failure in failures}
    assert messages == {SEVENTH.fill(step) for step in LEFT.values()}


async def test_the_gateway_serves_it(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "ROOT", house)
    with (tmp_path / "log.txt").open("w") as log:
        stack = Stack.on_free_ports(tmp_path / "data", {}, lambda name, line: print(f"{name:8} {line}", file=log))
        async with stack, httpx2.AsyncClient(base_url=stack.gateway_url, timeout=60) as http:
            await check_answers(http)
            await check_document(http)


async def check_answers(http: httpx2.AsyncClient) -> None:
    done = {"status": "DONE", "outcome": {"result": "DONE"}}
    for _ in range(2):
        answer = await http.post("/SeventhPattern/key1/run", json={"text": "tea for two"})
        assert (answer.status_code, answer.json()) == (200, {"result": "DONE"})
    assert (await http.get("/SeventhPattern/key1")).json() == done
    assert (await http.get("/invocations/seventh:key1")).json()["progress"] == done
    refused = await http.post("/SeventhPattern/key2/run", json={"text": "fail to make tea"})
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:problem:seventh-pattern-refused"
    assert refused.json()["detail"] == "'fail to make tea' cannot be carried out."


async def check_document(http: httpx2.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    paths = {path: operations for path, operations in document["paths"].items() if "SeventhPattern" in path}
    assert paths.keys() == {f"/SeventhPattern/{{key}}{path}" for path in ("", "/events", "/run", "/run/send")}
    body = paths["/SeventhPattern/{key}/run"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/SeventhPatternRequest"}
