"""One operation for many: selected first, then carried out a few hundred at a time, with a line for each."""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from cli.context import Session
from cli.gateway import Failed

MAX_SELECTED = 200
"""Items of one request, as the gateway takes them."""
ATTEMPTS = 3
"""Requests for an item that the gateway left: its time was over, or Temporal did not answer."""
MAX_ROWS = 200
"""A table of more items has only those that were not done; `--json` has all."""
SUCCEEDED = ("DONE", "SELECTED", "REDRIVEN", "ALREADY_REDRIVEN")
LEFT = "LEFT"

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Send = Callable[[Sequence[str]], Sequence[dict[str, Any]]]
"""Sends one request for these items, and returns the report on each, in their order."""


def selected(session: Session, where: str, conditions: dict[str, Any]) -> list[dict[str, Any]]:
    """What the gateway would do it for: all pages of a dry run."""
    found: list[dict[str, Any]] = []
    following: dict[str, Any] | None = {}
    while following is not None:
        page = session.gateway.post(where, {**conditions, "dryRun": True, **following})
        found += page["items"]
        following = page["next"]
    return found


def confirm(question: str, *, yes: bool) -> None:
    """Ask on stderr, so that `--json` stays JSON. Raises `typer.Abort` without a yes."""
    if not yes:
        typer.confirm(question, abort=True, err=True)


def carry_out(names: Iterable[str], send: Send, doing: str) -> list[dict[str, Any]]:
    """Send requests for all, and again for those that were left; show progress where there are several requests."""
    reports: dict[str, dict[str, Any]] = {}
    waiting = list(dict.fromkeys(names))
    with Progress(console=Console(stderr=True), transient=True, disable=len(waiting) <= MAX_SELECTED) as progress:
        task = progress.add_task(doing, total=len(waiting))
        for _ in range(ATTEMPTS):
            for start in range(0, len(waiting), MAX_SELECTED):
                chunk = waiting[start : start + MAX_SELECTED]
                reports.update(zip(chunk, send(chunk), strict=True))
                progress.update(task, completed=sum(each["outcome"] != LEFT for each in reports.values()))
            waiting = [name for name in waiting if reports[name]["outcome"] == LEFT]
    return list(reports.values())


def show(session: Session, items: Sequence[dict[str, Any]], what: str, name: Callable[[dict[str, Any]], str]) -> None:
    """Print a line for each item. Raises `Failed` if one of them was not done."""
    failed = [each for each in items if each["outcome"] not in SUCCEEDED]
    rows = [(name(each), each["outcome"], each.get("reason") or "") for each in _shown(items, failed)]
    session.output.table(items, (what, "OUTCOME", "REASON"), rows, "There are none that match.")
    if failed:
        raise Failed(f"{len(failed)} of {len(items)} could not be done.")
    if len(items) > MAX_ROWS:
        session.output.note(f"All {len(items)} were done.")


def _shown(items: Sequence[dict[str, Any]], failed: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    return items if len(items) <= MAX_ROWS else failed


def invocation(item: dict[str, Any]) -> str:
    """The name of an item in a report of invocations."""
    invocation_id: str = item["invocationId"]
    return invocation_id
