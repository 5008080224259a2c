"""Call a handler, send it a request, read the state of a key."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from cli.context import session_of
from cli.gateway import Failed, path

Target = Annotated[
    str, typer.Argument(help="Service/handler, or Service/key/handler.", metavar="TARGET", show_default=False)
]
Body = Annotated[
    str, typer.Argument(help="JSON; @FILE reads it from a file, - from stdin.", metavar="BODY", show_default=False)
]
IdempotencyKey = Annotated[str | None, typer.Option(help="Repeat a call safely: the same key, the same outcome.")]


def add_to(app: typer.Typer) -> None:
    """Give `app` the commands `call`, `send` and `state`."""
    app.command(epilog="""Example: ./patterns call UserFeed/alice/processPost '{"content": "Hi", "metadata": ""}'""")(
        call
    )
    app.command(epilog="""Example: ./patterns send AsyncTaskWorker/runTask '{"kind": "heavy_work"}' --delay 10s""")(
        send
    )
    app.command(epilog="Example: ./patterns state PaymentTracker invoice123 --watch")(state)


def call(context: typer.Context, target: Target, body: Body = "", idempotency_key: IdempotencyKey = None) -> None:
    """Run a handler, and wait for its outcome."""
    session = session_of(context)
    headers = {"idempotency-key": idempotency_key} if idempotency_key else None
    session.output.value(session.gateway.post(_path(target), _json(body), headers))


def send(
    context: typer.Context,
    target: Target,
    body: Body = "",
    delay: Annotated[str | None, typer.Option(help="Run it later: 10s, 5m, 12h, 7d.")] = None,
    idempotency_key: IdempotencyKey = None,
) -> None:
    """Hand a request to Temporal, and print the ID of its invocation."""
    session = session_of(context)
    headers = {"idempotency-key": idempotency_key} if idempotency_key else None
    session.output.value(session.gateway.post(f"{_path(target)}/send", _json(body), headers, delay=delay))


def state(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="Such as PaymentTracker.", show_default=False)],
    key: Annotated[str | None, typer.Argument(help="Without it: the keys of the service.", show_default=False)] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Print it at each change, until Ctrl-C.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Keys that are listed at most.")] = 50,
) -> None:
    """Show the state of a key, or the keys of a service."""
    session = session_of(context)
    if key is None:
        listed = session.gateway.get(path(service), limit=limit)["executions"]
        rows = [(each["key"], each["patternStatus"] or "", each["status"]) for each in listed]
        session.output.table(listed, ("KEY", "STATUS", "EXECUTION"), rows, f"{service} has no keys.")
    elif not watch:
        session.output.value(session.gateway.get(path(service, key)))
    else:
        for event, data in session.gateway.events(path(service, key, "events")):
            session.output.line({"event": event, "data": data}, f"{event}: {json.dumps(data, ensure_ascii=False)}")


def _path(target: str) -> str:
    parts = target.strip("/").split("/")
    if len(parts) not in (2, 3):
        raise Failed(f"{target} is no target: write Service/handler, or Service/key/handler.", Failed.USAGE)
    return path(*parts)


def _json(text: str) -> JsonValue:
    try:
        if text.startswith("@"):
            text = Path(text[1:]).read_text()
        elif text == "-":
            text = sys.stdin.read()
        return json.loads(text) if text.strip() else None
    except OSError as error:
        raise Failed(f"The body cannot be read: {error}", Failed.USAGE) from None
    except ValueError as error:
        raise Failed(f"The body is not JSON: {error}", Failed.USAGE) from None
