"""`python -m devstack up` runs the embedded stack; `python -m devstack demo` plays the six patterns on it."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

_UP = """Run Temporal with its Web UI, a Kafka broker, the database, workers and gateway until Ctrl-C.

Executions and the database stay in the data folder, so the next start continues where this one ended.
The broker keeps its records in memory and loses them when it stops. Clusters of yours in KAFKA_CLUSTERS are known, too;
with --broker none only they are. KAFKA_ALLOWED names the topics that may be subscribed besides the demo's two."""
_DEMO = """Start the stack on free ports with an empty temporary folder, play the six patterns on it over HTTP and
Kafka, check every answer, and stop it. Takes under two minutes. Exit code 0 if all six passed."""


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    options = _parser().parse_args(arguments)
    if sys.platform == "win32":
        return _refuse("The embedded stack runs on Linux and macOS; on Windows use docker-compose.yml.")
    try:  # imported here, so that a missing package is reported in one line
        from devstack.demo.run import demo  # noqa: PLC0415
        from devstack.ports import Ports  # noqa: PLC0415
        from devstack.up import up  # noqa: PLC0415
    except ImportError as error:
        return _refuse(f"A package is missing: run `make install`. {error}.")
    if options.command == "demo":
        return asyncio.run(demo(keep=options.keep))
    broker_port = None if options.broker == "none" else options.broker_port
    ports = Ports(options.temporal_port, options.ui_port, broker_port, options.gateway_port)
    return asyncio.run(up(options.data, ports))


def _refuse(why: str) -> int:
    print(why, file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser(
        "up", help="run the stack", description=_UP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    up.add_argument(
        "--data", type=Path, default=os.environ.get("DATA", "data"), metavar="DIR", help="default: data, or DATA"
    )
    for name, default, what in (
        ("temporal", 7233, "Temporal"),
        ("ui", 8233, "the Temporal Web UI"),
        ("broker", 9092, "the Kafka broker"),
        ("gateway", 8080, "the HTTP gateway"),
    ):
        variable = f"{name.upper()}_PORT"
        up.add_argument(
            f"--{name}-port",
            type=_port,
            default=os.environ.get(variable, default),
            metavar="PORT",
            help=f"port of {what}; default: {default}, or {variable}",
        )
    up.add_argument(
        "--broker",
        type=_broker,
        default=os.environ.get("BROKER", "embedded"),
        metavar="embedded|none",
        help="none: use only the clusters of KAFKA_CLUSTERS; default: embedded, or BROKER",
    )
    demo = commands.add_parser(
        "demo", help="play the six patterns", description=_DEMO, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    demo.add_argument(
        "--keep", action="store_true", help="keep the stack running until Ctrl-C, so that the links keep working"
    )
    return parser


def _broker(text: str) -> str:
    if text not in {"embedded", "none"}:
        raise argparse.ArgumentTypeError(f"{text!r} is not `embedded` or `none`")
    return text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 65535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
