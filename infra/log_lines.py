"""The form of log lines: text for people, JSON for machines. A record is one line that no content of it can forge."""

import contextlib
import json
import logging
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from temporalio import activity, workflow

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The ID of the request that the gateway is answering."""

_TEXT = "%(asctime)s %(levelname)-7s %(name)s - %(execution)s%(message)s"
_DETAILS_INDENT = "    "
FIELDS = "fields"
"""What a line in JSON has besides its message: `log.info(..., extra={FIELDS: {"status": 200}})`."""
_ABOUT = ("workflow_id", "workflow_type", "activity_id", "activity_type", "run_id", "attempt")


class TextFormatter(logging.Formatter):
    """One line for a person, the execution's ID in brackets; the lines of an exception follow, indented.

    Characters that are not printable are escaped, so that a name from outside cannot begin a line, move the cursor or
    change the order of what is read.
    """

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def format(self, record: logging.LogRecord) -> str:
        about = _about(record)
        execution = about.get("workflow_id") or about.get("activity_id") or about.get("request_id")
        record.execution = f"[{execution}] " if execution else ""
        record.message = _message(record)
        record.asctime = self.formatTime(record)
        lines = [self.formatMessage(record)]
        lines += [_DETAILS_INDENT + line for line in _details(record).split("\n") if line]
        return "\n".join(map(escaped, lines))


class JsonFormatter(logging.Formatter):
    """One JSON object per line, times in UTC, with the IDs of what the line is about."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            **_about(record),
            **getattr(record, FIELDS, {}),
            **{name: value for name in ("trace_id", "span_id") if (value := getattr(record, name, ""))},
        }
        if details := _details(record):
            line["exception"] = details
        # Not only JSON's own escapes: a collector may split lines at U+2028, a terminal obeys U+009B.
        return escaped(json.dumps(line, ensure_ascii=False, default=str), _json_escape)


def escaped(text: str, escape: Any = None) -> str:
    """The text with an escape for each character that is not printable, such as `\\x1b` and `\\u2028`."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else (escape or _python_escape)(each) for each in text)


def _python_escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _json_escape(character: str) -> str:
    return json.dumps(character)[1:-1]


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # a mistake in a log call must not cost the line, nor write lines of its own form
        return f"{record.msg!r} cannot be written with its arguments: {type(error).__name__}"


def _details(record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info and record.exc_info[1]:
        parts.append("".join(traceback.format_exception(record.exc_info[1])).rstrip("\n"))
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts)


def _about(record: logging.LogRecord) -> dict[str, Any]:
    """The IDs of the workflow, activity or request of the line, as far as there are any."""
    found: dict[str, Any] = {}
    if log := getattr(record, "temporal_log", None):  # a line of the SDK's core
        with contextlib.suppress(Exception):
            found |= log.fields
    found |= getattr(record, "temporal_workflow", None) or _of_workflow()
    found |= _of_activity(getattr(record, "temporal_activity", None) or {})
    about = {name: found[name] for name in _ABOUT if found.get(name)}
    if given := request_id.get():
        about["request_id"] = given
    return about


def _of_workflow() -> dict[str, Any]:
    """The workflow whose code runs: warnings in it have the logger of another module."""
    return dict(vars(workflow.info())) if workflow.in_workflow() else {}


def _of_activity(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details that the SDK gives, or those of the activity that runs: its code logs with other loggers too."""
    if not details and activity.in_activity():
        details = vars(activity.info())
    found = dict(details)
    if activity.in_activity():
        found["run_id"] = activity.info().activity_run_id
    return found | ({"run_id": found["workflow_run_id"]} if found.get("workflow_run_id") else {})
