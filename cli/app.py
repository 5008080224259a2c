"""`./patterns`: its options, and its groups of commands."""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cli import dead_letters, doctor, invocations, people, services, subscriptions
from cli.context import Session
from cli.gateway import DEFAULT_URL, Failed, Gateway, Profile
from cli.output import Output

app = typer.Typer(
    help=(
        "Call and operate the six durable patterns through their gateway.\n\n"
        "Credentials come from PATTERNS_KEY (an API key or a JWT), or from a profile's `url` and `key`."
    ),
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the gateway does not answer.",
)


@app.callback()
def options(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(envvar="PATTERNS_URL", help=f"The gateway; {DEFAULT_URL} by default.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(envvar="PATTERNS_PROFILE", help="A section of profiles.toml in ~/.config/durable-patterns."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for scripts instead of tables.")] = False,
) -> None:
    context.obj = Session(lambda: Gateway(Profile.find(profile, url, os.environ)), Output(as_json=as_json))
    context.call_on_close(context.obj.close)


services.add_to(app)
app.command()(doctor.doctor)
app.add_typer(invocations.app, name="invocations")
app.add_typer(subscriptions.app, name="subscriptions")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(people.trips, name="trips")
app.add_typer(people.posts, name="posts")


@app.command()
def up() -> None:
    """Run Temporal, a broker, workers and the gateway until Ctrl-C, as `make up`.

    Variables say how: DATA is its folder, GATEWAY_PORT a port (docs/embedded-stack.md has all).
    """
    raise typer.Exit(subprocess.call([sys.executable, "-m", "devstack", "up"]))


@app.command()
def demo() -> None:
    """Play the six patterns on a stack of their own, as `make demo`."""
    raise typer.Exit(subprocess.call([sys.executable, "-m", "devstack", "demo"]))


def main(words: Sequence[str] | None = None) -> int:
    """Run the command of `words`, or of the process. Returns its exit code."""
    try:
        app(words, prog_name="patterns")
    except Failed as failed:
        sys.stderr.write(f"{failed}\n")
        return failed.code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
