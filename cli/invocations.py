"""List, show, watch and cancel invocations."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

import typer

from cli import selections
from cli.context import Session, session_of
from cli.gateway import Failed, path
from cli.output import ago

app = typer.Typer(help="Executions: list, count, show, watch, cancel.", no_args_is_help=True)
InvocationId = Annotated[str, typer.Argument(help="As an answer has it, such as booking:trip12.", show_default=False)]
PAGE = 200
CANCEL = "/invocations/cancel"


Service = Annotated[str | None, typer.Option(help="Such as BookingWorkflow.")]
Key = Annotated[str | None, typer.Option(help="Only this key.")]
PatternStatus = Annotated[str | None, typer.Option(help="What a workflow says of itself: COMPENSATION_STUCK, ...")]
Since = Annotated[str | None, typer.Option(help="What started then or later: 2026-01-31T13:00:00Z.")]


@app.command("list", epilog="Example: ./patterns invocations list --service BookingWorkflow --status FAILED")
def list_(  # noqa: PLR0917, Typer calls it by name
    context: typer.Context,
    service: Service = None,
    key: Key = None,
    status: Annotated[str | None, typer.Option(help="SCHEDULED, RUNNING, COMPLETED, FAILED, TIMED_OUT, ...")] = None,
    pattern_status: PatternStatus = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
) -> None:
    """List executions, the last started first."""
    session = session_of(context)
    conditions = {"service": service, "key": key, "status": status, "patternStatus": pattern_status, "since": since}
    found = _pages(session, limit, conditions)
    rows = [
        (
            each["invocationId"] or "(lasting)",
            each["service"],
            each["key"] or "",
            each["status"],
            each["patternStatus"] or "",
            ago(each["startedAt"]),
        )
        for each in found
    ]
    columns = ("INVOCATION", "SERVICE", "KEY", "STATUS", "PATTERN", "STARTED")
    session.output.table(found, columns, rows, "There are none that match.")


def _pages(session: Session, limit: int, conditions: dict[str, str | None]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while len(found) < limit:
        page = session.gateway.get("/invocations", limit=min(PAGE, limit - len(found)), cursor=cursor, **conditions)
        found += page["executions"]
        if page["next"] is None:
            break
        cursor = page["next"]["cursor"]
    return found


@app.command()
def counts(context: typer.Context) -> None:
    """How many executions of each service have which status."""
    session = session_of(context)
    counted = session.gateway.get("/invocations/counts")
    statuses = sorted({status for each in counted for status in each["counts"]})
    rows = [(each["service"], *(str(each["counts"].get(status, 0)) for status in statuses)) for each in counted]
    session.output.table(counted, ("SERVICE", *statuses), rows, "There are none.")


@app.command()
def show(context: typer.Context, invocation_id: InvocationId) -> None:
    """What an invocation is doing."""
    session = session_of(context)
    session.output.value(session.gateway.get(path("invocations", invocation_id)))


@app.command()
def watch(context: typer.Context, invocation_id: InvocationId) -> None:
    """Follow an invocation to its outcome. Exit code 1 if it failed."""
    session = session_of(context)
    for event, data in session.gateway.events(path("invocations", invocation_id, "events")):
        session.output.line({"event": event, "data": data}, _shown(event, data))
        if event == "outcome" and data["status"] != HTTPStatus.OK:
            raise Failed(f"{invocation_id} failed.")
        if event == "gone":
            raise Failed(data["detail"])


def _shown(event: str, data: Any) -> str:
    if event != "state":
        return f"{event}: {json.dumps(data, ensure_ascii=False)}"
    shown = {name: value for name, value in (data.get("progress") or {}).items() if name != "batches"}  # up to 100
    return f"{data['status']} {json.dumps(shown, ensure_ascii=False)}" if shown else str(data["status"])


@app.command(epilog="Example: ./patterns invocations cancel --service AsyncTaskWorker --status SCHEDULED --dry-run")
def cancel(  # noqa: PLR0917, Typer calls it by name
    context: typer.Context,
    invocation_ids: Annotated[
        list[str] | None, typer.Argument(help="One or several; or conditions.", show_default=False)
    ] = None,
    service: Service = None,
    key: Key = None,
    status: Annotated[str | None, typer.Option(help="SCHEDULED or RUNNING; both by default.")] = None,
    pattern_status: PatternStatus = None,
    since: Since = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what matches, and cancel nothing.")] = False,
    yes: selections.Yes = False,
) -> None:
    """Ask for cancellation, of some by ID or of all open ones that match; sagas compensate first.

    Exit code 1 if one could not be asked.
    """
    session = session_of(context)
    given = {"service": service, "key": key, "status": status, "patternStatus": pattern_status, "since": since}
    conditions = {name: value for name, value in given.items() if value is not None}
    if bool(invocation_ids) == bool(conditions) or (invocation_ids and dry_run):
        raise Failed("Name invocations, or write conditions such as --service.", Failed.USAGE)
    if conditions:
        found = selections.selected(session, CANCEL, conditions)
        if dry_run or not found:
            return selections.show(session, found, "INVOCATION", selections.invocation)
        selections.confirm(f"Cancel {len(found)} invocations?", yes=yes)
        invocation_ids = [each["invocationId"] for each in found]

    def send(ids: Sequence[str]) -> Any:
        return session.gateway.post(CANCEL, {"invocationIds": [*ids]})["items"]

    items = selections.carry_out(invocation_ids or (), send, "Cancelling")
    return selections.show(session, items, "INVOCATION", selections.invocation)
