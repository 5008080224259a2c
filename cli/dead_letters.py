"""Dead letters: records that a subscription could not deliver, and tasks that failed for good."""

from typing import Annotated, Any

import typer
from rich.progress import Progress

from cli.context import Session, session_of
from cli.gateway import Failed, path
from cli.output import ago

app = typer.Typer(
    help="Dead letters of a subscription (its ID), or failed tasks (the word tasks).", no_args_is_help=True
)
TASKS = "tasks"
Of = Annotated[str, typer.Argument(help="A subscription's ID, or tasks.", metavar="OF", show_default=False)]
Limit = Annotated[int, typer.Option(min=1, max=10_000)]
PAGE = 200
_MANY = 10


@app.command("list", epilog="patterns dead-letters list tasks")
def list_(context: typer.Context, of: Of, limit: Limit = 50) -> None:
    """List dead letters that were not redriven since."""
    session = session_of(context)
    letters = _letters(session, of, limit)
    if of == TASKS:
        rows = [(each["invocationId"], each["kind"], ago(each["failedAt"]), each["reason"]) for each in letters]
        session.output.table(letters, ("TASK", "KIND", "FAILED", "REASON"), rows, "No task has failed for good.")
    else:
        records = [
            (_place(each), each["key"] or "", each["stage"], ago(each["time"]), each["reason"]) for each in letters
        ]
        columns = ("LETTER", "KEY", "STAGE", "WRITTEN", "REASON")
        session.output.table(letters, columns, records, "There are no dead letters.")


@app.command()
def show(
    context: typer.Context,
    of: Of,
    letter: Annotated[str, typer.Argument(help="PARTITION:OFFSET, or the task's ID.", show_default=False)],
) -> None:
    """Show one dead letter with its value."""
    session = session_of(context)
    for each in _letters(session, of, 10_000):
        if letter in (each.get("invocationId"), _place(each) if of != TASKS else None):
            return session.output.value(each)
    raise Failed(f"{of} has no dead letter {letter} that was not redriven.")


@app.command(epilog="patterns dead-letters redrive tasks --all")
def redrive(
    context: typer.Context,
    of: Of,
    letters: Annotated[list[str] | None, typer.Argument(help="PARTITION:OFFSET, or IDs of tasks.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that were not redriven.")] = False,
) -> None:
    """Redrive dead letters: each record is applied once, each task runs under its own ID."""
    if bool(letters) == all_:
        raise Failed("Name letters, or write --all.", Failed.USAGE)
    session = session_of(context)
    if of == TASKS:
        ids = letters or [each["invocationId"] for each in _letters(session, TASKS, 10_000)]
        done = [session.gateway.post(path("AsyncTaskWorker", "deadLetters", each, "redrive")) for each in _shown(ids)]
        return session.output.line(done, f"{len(done)} tasks run again.")
    requests = [_coordinates(each) for each in letters or []]
    total = _all(session, of) if all_ else [_redrive(session, of, request) for request in _shown(requests)]
    count = sum(each["redriven"] for each in total)
    refused = sum(each["refused"] + each["withoutValue"] for each in total)
    session.output.line(total, f"{count} records were sent back to their topic.")
    if refused:
        raise Failed(f"{refused} records could not be redriven: `dead-letters list {of}` has them still.")
    return None


def _shown(items: list[Any]) -> Any:
    """The items, with a progress bar where there are many."""
    if len(items) < _MANY:
        yield from items
        return
    with Progress(transient=True) as progress:
        yield from progress.track(items, description="Redriving")


def _all(session: Session, of: str) -> list[dict[str, Any]]:
    """Repeat the request while it says that there are more, and some were redriven."""
    outcomes = [_redrive(session, of, {"all": True})]
    while outcomes[-1]["remaining"] and outcomes[-1]["redriven"]:
        session.output.note(f"{sum(each['redriven'] for each in outcomes)} redriven, there are more.")
        outcomes.append(_redrive(session, of, {"all": True}))
    return outcomes


def _redrive(session: Session, of: str, request: dict[str, Any]) -> dict[str, Any]:
    outcome: dict[str, Any] = session.gateway.post(path("subscriptions", of, "deadLetters", "redrive"), request)
    return outcome


def _letters(session: Session, of: str, limit: int) -> list[dict[str, Any]]:
    where = path("AsyncTaskWorker", "deadLetters") if of == TASKS else path("subscriptions", of, "deadLetters")
    found: list[dict[str, Any]] = []
    query: dict[str, Any] | None = {}
    while query is not None and len(found) < limit:
        page = session.gateway.get(where, limit=min(PAGE, limit - len(found)), **query)
        found += page["deadLetters"]
        query = page["next"]
    return found


def _place(letter: dict[str, Any]) -> str:
    return f"{letter['partition']}:{letter['offset']}"


def _coordinates(text: str) -> dict[str, Any]:
    partition, _, offset = text.partition(":")
    if not (partition.isdigit() and offset.isdigit()):
        raise Failed(f"{text} is no dead letter: write PARTITION:OFFSET, as `list` shows it.", Failed.USAGE)
    return {"partition": int(partition), "offset": int(offset)}
