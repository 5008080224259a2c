"""`python -m api keys`: make an API key."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from domain.access import DEFAULT_TENANT, GRANTED
from infra.api_keys import ApiKey, UnusableKeys, new_key, read_keys


def main(arguments: Sequence[str]) -> None:
    """Show a new key on stderr, and its entry on stdout or in a file. Raises `SystemExit` with a line."""
    given = _parser().parse_args(arguments)
    key, digest = new_key()
    try:
        entry = ApiKey(
            name=given.name, sha256=digest, tenant=given.tenant, roles=given.role, services=given.service or None
        )
        if given.file:
            _add(given.file, entry)
    except ValidationError as error:
        raise SystemExit("\n".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors(include_input=False))) from None
    except UnusableKeys as error:
        raise SystemExit(str(error)) from None
    if not given.file:
        sys.stdout.write(_written([entry]))
    sys.stderr.write(f"The key of {entry.name}, which is shown only now: {key}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m api keys",
        description="Make an API key. Only its hash is kept, in the entry that goes into the file of API_KEYS_FILE.",
    )
    parser.add_argument("name", help="whose key it is, for people and logs; unique in the file")
    parser.add_argument(
        "--role", action="append", required=True, choices=sorted(GRANTED), help="what it may do; can be repeated"
    )
    parser.add_argument("--tenant", default=DEFAULT_TENANT, help="whose executions it reaches (default: %(default)s)")
    parser.add_argument("--service", action="append", help="a service that it may call; can be repeated (default: all)")
    parser.add_argument("--file", type=Path, help="add the entry to this file, instead of writing it to stdout")
    return parser


def _add(file: Path, entry: ApiKey) -> None:
    """Add the entry, in one step: a gateway never reads half of it."""
    entries = [*read_keys(file), entry] if file.exists() else [entry]
    if any(other.name == entry.name for other in entries[:-1]):
        raise UnusableKeys(f"{file} has a key named {entry.name}: use another name, such as {entry.name}-2")
    written = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        written.write_text(_written(entries))
        written.replace(file)
    except OSError as error:
        with suppress(OSError):
            written.unlink()
        raise UnusableKeys(f"{file} cannot be written: {error.strerror}") from None


def _written(entries: Sequence[ApiKey]) -> str:
    plain = [entry.model_dump(mode="json", exclude_none=True) for entry in entries]
    ordered = [{n: sorted(v) if isinstance(v, list) else v for n, v in entry.items()} for entry in plain]
    return json.dumps(ordered, indent=2) + "\n"
