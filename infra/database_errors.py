"""What a failure of the database means, in words that can be logged and sent to Temporal.

Errors of the driver carry values: SQLAlchemy's their parameters, PostgreSQL's a DETAIL such as `Key (x)=(y) already
exists`, asyncpg's the argument that it cannot encode. None of them leaves `infra.database`: they become

- `DatabaseUnavailable`: the server, the network or the set-up is at fault. Trying again may succeed.
- `DatabaseFault`: the database refuses this statement, each time.
"""

from asyncpg.exceptions import DataError as UnsuitableArgument
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

FAILURES = (DBAPIError, PoolTimeout, OSError)
"""What SQLAlchemy and the drivers raise when the database fails. `TimeoutError` is an `OSError`."""
MAX_REASON = 300
MAX_STATEMENT = 200

UNREACHABLE = "cannot be reached"
READ_ONLY = "is read-only"
NOT_MIGRATED = "is not migrated"
BUSY = "is locked or too slow"

_FAULTS = ("21", "22", "23", "42", "44", "54", "P0")
"""Classes of SQLSTATEs that are about a statement and its values. Their messages can repeat a value."""
STATES = {
    "25006": READ_ONLY,
    "28": "refuses the login",
    "3D": "does not exist",
    "3F": NOT_MIGRATED,
    "40": BUSY,
    "42501": "refuses access to a table",
    "42703": NOT_MIGRATED,
    "42P01": NOT_MIGRATED,
    "53300": "has no connection left",
    "53": "is out of resources",
    "55": BUSY,
    "57014": BUSY,
    "SQLITE_BUSY": BUSY,
    "SQLITE_LOCKED": BUSY,
    "SQLITE_READONLY": READ_ONLY,
    "SQLITE_FULL": "is out of resources",
    "SQLITE_ERROR": NOT_MIGRATED,
    "SQLITE_CORRUPT": "is damaged",
    "SQLITE_NOTADB": "is damaged",
}
"""What the database is or does, by the beginning of PostgreSQL's SQLSTATE or of SQLite's error name."""
_ABOUT_THE_CONNECTION = (READ_ONLY, UNREACHABLE, STATES["28"], STATES["3D"])


class DatabaseUnavailable(Exception):
    """The database cannot do its work now. `state` is what it does, without names of hosts or users."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(f"The database {state}: {reason}")
        self.state = state


class DatabaseFault(Exception):
    """The database refuses a statement; the text has its placeholders, not its values."""


def described(error: BaseException) -> DatabaseUnavailable | DatabaseFault:
    """Describe one of `FAILURES`. Raise it `from None`, so that the driver's error is in no log and no failure."""
    if not isinstance(error, DBAPIError):
        return DatabaseUnavailable(UNREACHABLE, _line(str(error)) or type(error).__name__)
    code = _code(error)
    if _is_fault(error, code):
        cause = getattr(error.orig, "__cause__", None) or error.orig
        constraint = getattr(cause, "constraint_name", None)
        what = f"{type(cause).__name__} ({code})" + (f" of {constraint}" if constraint else "")
        statement = _line(error.statement or "")[:MAX_STATEMENT]
        return DatabaseFault(f"The database refuses a statement: {what}: {statement}")
    message = _line(str(error.orig.args[0] if error.orig and error.orig.args else error.orig))
    return DatabaseUnavailable(_state(code), f"{message} ({code})" if code else message)


def spoils_the_connection(error: BaseException) -> bool:
    """Whether the connection would fail again, and another one may work: after a failover, for example."""
    described_error = described(error) if isinstance(error, DBAPIError) else None
    return isinstance(described_error, DatabaseUnavailable) and described_error.state in _ABOUT_THE_CONNECTION


def _code(error: DBAPIError) -> str:
    """PostgreSQL's SQLSTATE or SQLite's error name; empty for errors of the driver itself."""
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None) or ""


def _is_fault(error: DBAPIError, code: str) -> bool:
    if code and not code.startswith("SQLITE"):
        return code.startswith(_FAULTS) and code not in STATES
    unsuitable = isinstance(getattr(error.orig, "__cause__", None), UnsuitableArgument)
    return unsuitable or isinstance(error, IntegrityError | DataError | ProgrammingError)


def _state(code: str) -> str:
    known = [state for beginning, state in STATES.items() if code.startswith(beginning)]
    return known[0] if known else UNREACHABLE


def _line(text: str) -> str:
    return " ".join(text.split())[:MAX_REASON]
