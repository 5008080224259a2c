"""Log lines as text for people or JSON for machines. Each names the execution that it is about."""

import json
import logging
import sys
from datetime import UTC, datetime

from temporalio import activity, workflow

from infra.retry_log import LONGEST_SECONDS, Distances

_TEXT = "%(asctime)s %(levelname)-7s %(name)s - %(execution)s%(message)s"
_NOISY = ("aiokafka", "httpx2", "httpcore2", "alembic.runtime.plugins", "uvicorn.access")
_MAX_LINES = 500


class SpacedRepeats(logging.Filter):
    """Lets a line of aiokafka's through the first time, then at growing distance: it logs each of its own retries."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[tuple[str, str], tuple[float, Distances]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("aiokafka"):
            return True
        line, now = (record.name, str(record.msg)), record.created
        seen, distances = self._lines.pop(line, (now, Distances()))
        if now - seen > LONGEST_SECONDS:
            distances = Distances()
        self._lines[line] = now, distances
        if len(self._lines) > _MAX_LINES:
            self._lines.pop(next(iter(self._lines)))
        return distances.due(now)


class JsonFormatter(logging.Formatter):
    """One JSON object per line, times in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if execution := _execution(record):
            line["execution"] = execution
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """One line for a person, the execution's ID in brackets."""

    def format(self, record: logging.LogRecord) -> str:
        execution = _execution(record)
        record.execution = f"[{execution}] " if execution else ""
        return super().format(record)


def configure(log_format: str) -> None:
    """Send the process's log to standard error, as `text` or `json`."""
    # The SDK would add a page of details to every message; the formatters add only the execution's ID.
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(_TEXT))
    handler.addFilter(SpacedRepeats())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # What fails while a connection is closed: the database has its own line about a server that does not answer.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _execution(record: logging.LogRecord) -> str | None:
    """The ID of the workflow or standalone activity that logged the line, as the SDK's loggers record it."""
    about = getattr(record, "temporal_workflow", None) or getattr(record, "temporal_activity", None) or {}
    return about.get("workflow_id") or about.get("activity_id")
