"""The log of a process: what it says, in one form and to one place."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType

from temporalio import activity, workflow

from infra.log_lines import JsonFormatter, TextFormatter
from infra.retry_log import LONGEST_SECONDS, Distances

log = logging.getLogger("process")
_OURS = ("api", "workers", "infra", "database", "mail", "process", "temporalio.activity", "temporalio.workflow")
_NOISY = ("aiokafka", "httpx2", "httpcore2", "alembic.runtime.plugins", "uvicorn.access")
_REPEATING = ("aiokafka", "opentelemetry")
_MAX_LINES = 500


class SpacedRepeats(logging.Filter):
    """Lets a line of aiokafka's through the first time, then at growing distance: it logs each of its own retries.

    So does OpenTelemetry, if the collector is unavailable.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[tuple[str, str], tuple[float, Distances]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_REPEATING):
            return True
        line, now = (record.name, str(record.msg)), record.created
        seen, distances = self._lines.pop(line, (now, Distances()))
        if now - seen > LONGEST_SECONDS:
            distances = Distances()
        self._lines[line] = now, distances
        if len(self._lines) > _MAX_LINES:
            self._lines.pop(next(iter(self._lines)))
        return distances.due(now)


def configure(log_format: str, log_level: str = "info") -> None:
    """Send all that the process says to standard error, as `text` or `json`: warnings and uncaught exceptions too.

    Lines below `log_level` are left out, and debug lines of libraries always.
    """
    level = logging.getLevelNamesMapping()[log_level.upper()]
    # The SDK would add a page of details to every message; the formatters add what they need of it.
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    handler.addFilter(SpacedRepeats())
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler], force=True)
    # What fails while a connection is closed: the database has its own line about a server that does not answer.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
    for ours in _OURS:
        logging.getLogger(ours).setLevel(level)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: log.error(
        "%s", args.err_msg or "ignored in a destructor", exc_info=args.exc_value
    )


def run(main: Callable[[], None]) -> None:
    """Run a program. What it says as it ends, about its settings for example, is in the log if that is JSON."""
    try:
        main()
    except KeyboardInterrupt:  # before the program had a handler of its own
        raise SystemExit(130) from None
    except SystemExit as ended:
        if os.environ.get("LOG_FORMAT") != "json" or not isinstance(ended.code, str):
            raise
        configure("json")
        for line in ended.code.splitlines():
            log.critical("%s", line)
        raise SystemExit(1) from None


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    log.critical("ended by an exception", exc_info=(kind, error or kind(), trace))
