"""Log lines: no content forges one, and of a process that logs JSON every line is JSON."""

import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text as sql
from temporalio.testing import ActivityEnvironment

from infra.database import Database
from infra.log_lines import JsonFormatter, TextFormatter

ROOT = Path(__file__).parents[2]
FORGED = "2026-11-26 10:00:00,000 INFO    api - forged"
NASTY = [
    f"evt_1\n{FORGED}",
    f"evt_1\r\n{FORGED}",
    f"evt_1\r{FORGED}",
    f"evt_1\v{FORGED}",
    f"evt_1\x85{FORGED}",
    f"evt_1\u2028{FORGED}",
    f"evt_1\u2029{FORGED}",
    "\x1b[2J\x1b[31mred",
    "\x9b31mred",
    "\x1b]0;title\x07",
    "a\x08\x08b",
    "\u202eevil",
    "\u2066hidden\u2069",
    "\x00",
    "\x7f",
    "\ud800",
]


def record(message: str, *args: Any, name: str = "api", **extra: Any) -> logging.LogRecord:
    try:
        raise ValueError(message)
    except ValueError:
        exc_info = sys.exc_info() if extra.pop("with_exception", False) else None
    line = logging.LogRecord(name, logging.INFO, __file__, 1, message, args, exc_info)
    vars(line).update(extra)
    return line


def records(nasty: str) -> list[logging.LogRecord]:
    """Records that have the text in each place where content can get."""
    return [
        record(nasty.replace("%", "%%")),
        record("ignored event %s", nasty),
        record("ignored event", name=nasty),
        record("started", temporal_workflow={"workflow_id": nasty}),
        record("started", temporal_activity={"activity_id": nasty}),
        record("%d", nasty),
    ]


@pytest.mark.parametrize("nasty", NASTY)
def test_a_line_of_text_is_one_line_of_printable_characters_whatever_it_is_about(nasty: str) -> None:
    for each in records(nasty):
        assert TextFormatter().format(each).isprintable()


@pytest.mark.parametrize("nasty", NASTY)
def test_the_lines_of_an_exception_are_indented_and_printable(nasty: str) -> None:
    first, *details = TextFormatter().format(record(nasty, with_exception=True)).split("\n")
    assert first.isprintable()
    assert len(details) > 2
    for line in details:
        assert line.isprintable()
        assert line.startswith("    ")


def test_what_is_escaped_can_be_read() -> None:
    line = TextFormatter().format(record("ignored event %s", f"evt_1\n\x1b[31m{FORGED} é 日本 😀"))
    assert line.endswith(f"ignored event evt_1\\n\\x1b[31m{FORGED} é 日本 😀")


@pytest.mark.parametrize("nasty", NASTY)
def test_a_line_of_json_is_one_printable_line_and_keeps_what_it_says(nasty: str) -> None:
    for each in [*records(nasty), record("failed %s", nasty, with_exception=True)]:
        line = JsonFormatter().format(each)
        assert line.isprintable()
        assert isinstance(json.loads(line), dict)
    assert json.loads(JsonFormatter().format(record("event %s", nasty)))["message"] == f"event {nasty}"


@given(st.text())
def test_any_text_is_logged_as_one_line(text: str) -> None:
    for each in records(text):
        assert TextFormatter().format(each).isprintable()
        assert JsonFormatter().format(each).isprintable()


def test_a_line_about_a_workflow_names_its_run_and_attempt() -> None:
    about = {"workflow_id": "booking:7", "run_id": "run-1", "attempt": 2, "namespace": "default"}
    line = json.loads(JsonFormatter().format(record("booked", temporal_workflow=about)))
    assert {name: line[name] for name in ("workflow_id", "run_id", "attempt")} == {
        "workflow_id": "booking:7",
        "run_id": "run-1",
        "attempt": 2,
    }


async def test_a_line_of_an_activity_names_it_whatever_logger_writes_it(caplog: pytest.LogCaptureFixture) -> None:
    lines = list[dict[str, Any]]()

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonFormatter().format(record)))

    async def task() -> None:
        log = logging.getLogger("infra.work")
        log.addHandler(keeping := Keeping())
        log.warning("slow")
        log.removeHandler(keeping)

    environment = ActivityEnvironment()
    await environment.run(task)
    [line] = lines
    assert line["activity_id"] == environment.info.activity_id
    assert line["run_id"] == environment.info.workflow_run_id
    assert line["attempt"] == environment.info.attempt


def lines_of(arguments: list[str], **environment: str) -> list[dict[str, Any]]:
    """What a process writes. Fails unless each line is JSON."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=ROOT,
        env=os.environ | {"LOG_FORMAT": "json", **environment},
        capture_output=True,
        text=True,
    )
    assert ended.stdout == ""
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_every_line_of_a_process_is_json_with_warnings_and_uncaught_exceptions() -> None:
    script = """
        import asyncio, logging, threading, uvloop, warnings
        from infra import logs

        class Broken:
            def __del__(self):
                raise ValueError("in __del__")

        logs.configure("json")
        warnings.warn("old\\nway", DeprecationWarning)
        warnings.warn("odd")
        logging.getLogger("uvicorn.error").error("from uvicorn")
        logging.getLogger("a").error("%d", "no number")
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        Broken()

        async def unawaited():
            asyncio.get_running_loop().create_future().set_exception(OSError("no one waited"))

        asyncio.run(unawaited())
        uvloop.run(unawaited())
        raise SystemError("the\\nend")
    """
    written = lines_of(["-W", "always", "-c", textwrap.dedent(script)])
    text = json.dumps(written)
    for part in ("old", "odd", "from uvicorn", "cannot be written", "ZeroDivisionError", "in __del__", "SystemError"):
        assert part in text
    assert sum("no one waited" in line.get("exception", "") for line in written) == 2
    assert written[-1]["level"] == "CRITICAL"


@pytest.mark.parametrize(
    ("level", "expected"),
    {
        "debug": ["ours debug", "ours info", "library info", "ours warning", "aiokafka warning", "library error"],
        "info": ["ours info", "library info", "ours warning", "aiokafka warning", "library error"],
        "warning": ["ours warning", "aiokafka warning", "library error"],
        "error": ["library error"],
    }.items(),
)
def test_the_level_counts_and_debug_lines_of_libraries_never(level: str, expected: list[str]) -> None:
    script = f"""
        import logging
        from infra import logs

        logs.configure("json", "{level}")
        logging.getLogger("api.access").debug("ours debug")
        logging.getLogger("aiosqlite").debug("library debug")
        logging.getLogger("workers.kafka.consumer").info("ours info")
        logging.getLogger("uvicorn.error").info("library info")
        logging.getLogger("aiokafka").info("aiokafka info")
        logging.getLogger("infra.work").warning("ours warning")
        logging.getLogger("aiokafka").warning("aiokafka warning")
        logging.getLogger("sqlalchemy").error("library error")
    """
    assert [line["message"] for line in lines_of(["-c", textwrap.dedent(script)])] == expected


MIGRATE = ["-m", "alembic", "upgrade", "head"]


def test_every_line_of_a_migration_is_json(tmp_path: Path) -> None:
    written = lines_of(MIGRATE, DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/patterns.db")
    assert "Running upgrade" in written[-1]["message"]


async def test_a_migration_of_a_database_of_a_later_version_says_so_in_json(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/patterns.db"
    lines_of(MIGRATE, DATABASE_URL=url)
    database = Database(url)
    async with database.transaction() as connection:
        await connection.execute(sql("update alembic_version set version_num = 'later'"))
    await database.close()
    written = lines_of(MIGRATE, DATABASE_URL=url)
    assert written[-1]["level"] == "CRITICAL"
    assert written[-1]["message"].startswith("The database cannot be migrated: ")
    assert "later" in written[-1]["message"]


def test_a_migration_without_its_database_says_so_in_json(unused_tcp_port: int) -> None:
    url = f"postgresql+asyncpg://patterns:secret@127.0.0.1:{unused_tcp_port}/patterns"
    written = lines_of(MIGRATE, DATABASE_URL=url)
    assert written[-1]["level"] == "CRITICAL"
    assert "secret" not in json.dumps(written)


@pytest.mark.parametrize("program", [["-m", "api"], ["-m", "workers"], MIGRATE], ids=" ".join)
def test_a_process_with_a_wrong_setting_says_so_in_json(program: list[str]) -> None:
    [line] = lines_of(program, REMINDERS="0")
    assert line["message"].startswith("REMINDERS: ")


def test_a_worker_without_temporal_ends_with_json() -> None:
    written = lines_of(["-m", "workers", "booking"], TEMPORAL_ADDRESS="127.0.0.1:1", PAYLOAD_ENCRYPTION="off")
    assert written[-1]["message"].startswith("Temporal cannot be reached: ")
