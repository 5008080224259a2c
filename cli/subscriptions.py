"""List, show, create, pause, resume and delete Kafka subscriptions."""

import json
from typing import Annotated, Any

import typer

from cli import selections
from cli.context import session_of
from cli.gateway import path
from cli.output import ago

app = typer.Typer(help="Kafka subscriptions: which topic's records go to which handler.", no_args_is_help=True)
Subscription = Annotated[str, typer.Argument(help="The ID, as `list` shows it.", show_default=False)]


@app.command("list")
def list_(context: typer.Context) -> None:
    """List subscriptions with status, consumer lag and rate."""
    session = session_of(context)
    found = session.gateway.get("/subscriptions")
    rows = [
        (
            each["id"],
            each["source"],
            each["sink"],
            each["status"],
            str(lag(each)),
            f"{sum(consumer['rate'] for consumer in each['consumers']):.1f}/s",
            each["lastError"] or "",
        )
        for each in found
    ]
    columns = ("ID", "SOURCE", "SINK", "STATUS", "LAG", "RATE", "LAST ERROR")
    session.output.table(found, columns, rows, "There are no subscriptions.")


def lag(subscription: dict[str, Any]) -> int:
    """Records that wait, of all partitions."""
    return sum(partition["lag"] or 0 for consumer in subscription["consumers"] for partition in consumer["partitions"])


@app.command()
def show(context: typer.Context, subscription: Subscription) -> None:
    """Show a subscription: status, last error, offsets and lag of each partition."""
    session = session_of(context)
    found = session.gateway.get(path("subscriptions", subscription))
    if session.output.as_json:
        return session.output.value(found)
    since = f" for {ago(found['since']).removesuffix(' ago')}" if found["since"] else ""
    session.output.line(found, f"{found['source']} -> {found['sink']}: {found['status']}")
    if found["lastError"]:
        session.output.line(found, f"{found['lastError']}{since}")
    partitions = [partition for consumer in found["consumers"] for partition in consumer["partitions"]]
    rows = [(str(each["partition"]), str(each["committed"]), str(each["lag"])) for each in partitions]
    return session.output.table(partitions, ("PARTITION", "COMMITTED", "LAG"), rows, "No consumer has partitions.")


@app.command(
    epilog="Example: ./patterns subscriptions create kafka://my-cluster/social-media-posts service://UserFeed/processPost"
)
def create(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="kafka://CLUSTER/TOPIC", show_default=False)],
    sink: Annotated[str, typer.Argument(help="service://SERVICE/HANDLER", show_default=False)],
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="NAME=VALUE, such as auto.offset.reset=earliest.")
    ] = None,
) -> None:
    """Deliver a topic's records to a handler."""
    session = session_of(context)
    options = dict(_option(each) for each in option or [])
    session.output.value(session.gateway.post("/subscriptions", {"source": source, "sink": sink, "options": options}))


def _option(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise typer.BadParameter(f"{text}: write NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@app.command()
def pause(context: typer.Context, subscription: Subscription) -> None:
    """Stop reading; what was read is delivered."""
    _change(context, subscription, "PAUSED")


@app.command()
def resume(context: typer.Context, subscription: Subscription) -> None:
    """Read on, from the committed offsets."""
    _change(context, subscription, "RUNNING")


def _change(context: typer.Context, subscription: str, status: str) -> None:
    session = session_of(context)
    changed = session.gateway.patch(path("subscriptions", subscription), {"status": status})
    session.output.line(changed, f"{subscription}: {changed['status']}")


@app.command()
def delete(
    context: typer.Context,
    subscription: Subscription,
    yes: selections.Yes = False,
) -> None:
    """Drain the consumers, then end. The group keeps its offsets."""
    selections.confirm(f"Delete the subscription {subscription}?", yes=yes)
    session = session_of(context)
    deleted = session.gateway.delete(path("subscriptions", subscription))
    session.output.line(deleted, f"{subscription}: {deleted['status']}")
