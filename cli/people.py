"""What people decide: stuck compensations of trips, posts in review."""

from typing import Annotated

import typer
from pydantic import JsonValue

from cli.context import session_of
from cli.gateway import Failed, path

trips = typer.Typer(help="Trips whose compensation is stuck.", no_args_is_help=True)
posts = typer.Typer(help="Posts that moderation did not decide.", no_args_is_help=True)


@trips.callback()
def _trips() -> None:
    """Trips whose compensation is stuck."""


@trips.command(epilog="patterns trips resolve trip12 'refund payment' --note 'refunded by hand, ticket 4711'")
def resolve(
    context: typer.Context,
    trip: Annotated[str, typer.Argument(show_default=False)],
    compensation: Annotated[str, typer.Argument(help="As `state BookingWorkflow TRIP` shows it.", show_default=False)],
    retry: Annotated[bool, typer.Option("--retry", help="Have it tried again.")] = False,
    note: Annotated[str | None, typer.Option(help="What was done by hand instead.")] = None,
) -> None:
    """Have a stuck compensation retried, or report that it was done by hand."""
    if retry == bool(note):
        raise Failed("Write --retry, or --note with what was done by hand.", Failed.USAGE)
    session = session_of(context)
    body: dict[str, JsonValue] = {"compensation": compensation, **({"retry": True} if retry else {"note": note})}
    session.output.value(session.gateway.post(path("BookingWorkflow", trip, "resolveCompensation"), body))


@posts.callback()
def _posts() -> None:
    """Posts that moderation did not decide."""


@posts.command(epilog="patterns posts review alice 0c5e... --approve")
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
