"""List, show, watch and cancel invocations."""

import json
from http import HTTPStatus
from typing import Annotated, Any

import typer

from cli.context import Session, session_of
from cli.gateway import Failed, path
from cli.output import ago

app = typer.Typer(help="Invocations: list, show, watch, cancel.", no_args_is_help=True)
InvocationId = Annotated[str, typer.Argument(help="As an answer has it, such as booking:trip12.", show_default=False)]
PAGE = 200


@app.command("list", epilog="patterns invocations list --service BookingWorkflow --status FAILED")
def list_(  # noqa: PLR0917, Typer calls it by name
    context: typer.Context,
    service: Annotated[str | None, typer.Option(help="Such as BookingWorkflow.")] = None,
    key: Annotated[str | None, typer.Option(help="Only this key.")] = None,
    status: Annotated[str | None, typer.Option(help="SCHEDULED, RUNNING, COMPLETED, FAILED, TIMED_OUT, ...")] = None,
    since: Annotated[str | None, typer.Option(help="What started then or later: 2026-01-31T13:00:00Z.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
) -> None:
    """List executions, the last started first."""
    session = session_of(context)
    found = _pages(session, limit, service=service, key=key, status=status, since=since)
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


def _pages(session: Session, limit: int, **conditions: str | None) -> list[dict[str, Any]]:
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
    progress = f" {json.dumps(data['progress'], ensure_ascii=False)}" if data.get("progress") else ""
    return f"{data['status']}{progress}"


@app.command(epilog="patterns invocations cancel booking:trip12 booking:trip13")
def cancel(
    context: typer.Context,
    invocation_ids: Annotated[list[str], typer.Argument(help="One or several.", show_default=False)],
) -> None:
    """Ask for cancellation; a saga compensates first. Exit code 1 if one could not be asked."""
    session = session_of(context)
    refused = 0
    for invocation_id in invocation_ids:
        try:
            answer = session.gateway.delete(path("invocations", invocation_id))
        except Failed as failed:
            if failed.code != Failed.REFUSED:
                raise
            refused += 1
            answer = {"invocationId": invocation_id, "problem": failed.problem or str(failed)}
            session.output.line(answer, f"{invocation_id}: {failed}")
        else:
            session.output.line(answer, f"{invocation_id}: cancellation requested")
    if refused:
        raise Failed(f"{refused} of {len(invocation_ids)} could not be cancelled.")
