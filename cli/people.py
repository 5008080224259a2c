"""What people decide: stuck compensations of trips, posts in review."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from pydantic import JsonValue

from cli import selections
from cli.context import session_of
from cli.gateway import Failed, path

RESOLVE = path("BookingWorkflow", "resolveCompensations")
trips = typer.Typer(help="Trips whose compensation is stuck.", no_args_is_help=True)
posts = typer.Typer(help="Posts that moderation did not decide.", no_args_is_help=True)


@trips.callback()
def _trips() -> None:
    """Trips whose compensation is stuck."""


@trips.command(epilog="Example: ./patterns trips resolve trip12 trip13 --note 'refunded by hand, ticket 4711'")
def resolve(  # noqa: PLR0917, Typer calls it by name
    context: typer.Context,
    keys: Annotated[list[str] | None, typer.Argument(metavar="TRIP", show_default=False)] = None,
    all_: Annotated[bool, typer.Option("--all", help="All stuck trips.")] = False,
    compensation: Annotated[
        str | None, typer.Option(help="As `state BookingWorkflow TRIP` shows it; each stuck one by default.")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Have it tried again.")] = False,
    note: Annotated[str | None, typer.Option(help="What was done by hand instead.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --all: show the trips, and decide nothing.")] = False,
    yes: selections.Yes = False,
) -> None:
    """Have stuck compensations retried, or report that they were done by hand.

    Exit code 1 if one of the trips has none, or could not be asked.
    """
    if retry == bool(note):
        raise Failed("Write --retry, or --note with what was done by hand.", Failed.USAGE)
    if bool(keys) == all_ or (dry_run and not all_):
        raise Failed("Name trips, or write --all.", Failed.USAGE)
    session = session_of(context)
    decision: dict[str, JsonValue] = {"retry": True} if retry else {"note": note}
    if compensation is not None:
        decision["compensation"] = compensation
    if all_:
        found = selections.selected(session, RESOLVE, {"all": True, **decision})
        if dry_run or not found:
            return selections.show(session, found, "TRIP", selections.invocation)
        selections.confirm(f"Decide for {len(found)} trips?", yes=yes)
        keys = [each["key"] for each in found]

    def send(chunk: Sequence[str]) -> Any:
        return session.gateway.post(RESOLVE, {"keys": [*chunk], **decision})["items"]

    items = selections.carry_out(keys or (), send, "Resolving")
    return selections.show(session, items, "TRIP", selections.invocation)


@posts.callback()
def _posts() -> None:
    """Posts that moderation did not decide."""


@posts.command(epilog="Example: ./patterns posts review alice 0c5e... --approve")
def review(
    context: typer.Context,
    user: Annotated[str, typer.Argument(show_default=False)],
    post: Annotated[str, typer.Argument(help="The post's ID, as `state UserFeed USER` shows it.", show_default=False)],
    approve: Annotated[bool, typer.Option("--approve/--reject", help="Publish it, or not.", show_default=False)] = ...,  # type: ignore[assignment]
) -> None:
    """Decide on a post in review."""
    session = session_of(context)
    body: dict[str, JsonValue] = {"postId": post, "approved": approve}
    session.output.value(session.gateway.post(path("UserFeed", user, "reviewPost"), body))
