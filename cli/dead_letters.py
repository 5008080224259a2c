"""Dead letters: records that a subscription could not deliver, and tasks that failed for good."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cli import selections
from cli.context import Session, session_of
from cli.gateway import Failed, path
from cli.output import ago

app = typer.Typer(
    help="Dead letters of a subscription (its ID), or failed tasks (the word tasks).", no_args_is_help=True
)
TASKS = "tasks"
Of = Annotated[str, typer.Argument(help="A subscription's ID, or tasks.", metavar="OF", show_default=False)]
PAGE = 200
MAX_LISTED = 10_000
Limit = Annotated[int, typer.Option(min=1, max=MAX_LISTED)]
REDRIVE_TASKS = path("AsyncTaskWorker", "deadLetters", "redrive")


@app.command("list", epilog="Example: ./patterns dead-letters list tasks")
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
    for each in _letters(session, of, MAX_LISTED):
        if letter in (each.get("invocationId"), _place(each) if of != TASKS else None):
            return session.output.value(each)
    raise Failed(f"{of} has no dead letter {letter} that was not redriven.")


@app.command(epilog="Example: ./patterns dead-letters redrive tasks --all")
def redrive(
    context: typer.Context,
    of: Of,
    letters: Annotated[list[str] | None, typer.Argument(help="PARTITION:OFFSET, or IDs of tasks.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that were not redriven.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --all: show which, and redrive none.")] = False,
) -> None:
    """Redrive dead letters: each record is applied once, each task runs under its own ID.

    Exit code 1 if one could not be redriven.
    """
    if bool(letters) == all_ or (dry_run and not all_):
        raise Failed("Name letters, or write --all.", Failed.USAGE)
    session = session_of(context)
    if of == TASKS:
        return _redrive_tasks(session, letters, dry_run=dry_run)
    if dry_run:
        return list_(context, of, MAX_LISTED)
    outcomes = _redrive_all(session, of) if all_ else _redrive_letters(session, of, letters or [])
    return selections.show(session, outcomes, "LETTER", _place)


def _redrive_tasks(session: Session, ids: list[str] | None, *, dry_run: bool) -> None:
    if ids is None:
        found = selections.selected(session, REDRIVE_TASKS, {"all": True})
        if dry_run:
            return selections.show(session, found, "TASK", selections.invocation)
        ids = [each["invocationId"] for each in found]

    def send(chunk: Sequence[str]) -> Any:
        return session.gateway.post(REDRIVE_TASKS, {"invocationIds": [*chunk]})["items"]

    items = selections.carry_out(ids, send, "Redriving")
    return selections.show(session, items, "TASK", selections.invocation)


def _redrive_letters(session: Session, of: str, letters: list[str]) -> list[dict[str, Any]]:
    places = {each: _coordinates(each) for each in letters}

    def send(chunk: Sequence[str]) -> list[dict[str, Any]]:
        outcomes = _redrive(session, of, {"letters": [places[each] for each in chunk]})["letters"]
        by_place = {_place(each): each for each in outcomes}
        return [by_place[_place(places[each])] for each in chunk]

    return selections.carry_out(places, send, "Redriving")


def _redrive_all(session: Session, of: str) -> list[dict[str, Any]]:
    """Repeat the request while it says that there are more, and some were redriven."""
    outcomes: list[dict[str, Any]] = []
    while True:
        outcome = _redrive(session, of, {"all": True})
        outcomes += outcome["letters"]
        if not (outcome["remaining"] and outcome["redriven"]):
            return outcomes
        session.output.note(f"{len(outcomes)} so far, there are more.")


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
