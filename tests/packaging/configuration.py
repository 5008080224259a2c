"""Write docs/configuration.md from the settings: `make env`."""

import re
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from infra.settings import Settings
from tests.packaging.env_example import duration, shown
from tests.packaging.setting_readers import readers

FILE = Path(__file__).parents[2] / "docs/configuration.md"
TEMPORAL_VARIABLES = {
    "TEMPORAL_ADDRESS": "host and port; `localhost:7233` by default",
    "TEMPORAL_NAMESPACE": "the namespace; `default` by default",
    "TEMPORAL_API_KEY": "an API key, which implies TLS",
    "TEMPORAL_TLS": "`true` or `false`: TLS without the variables below, or none in spite of an API key",
    "TEMPORAL_TLS_CLIENT_CERT_PATH": "a file with a client certificate; `TEMPORAL_TLS_CLIENT_CERT_DATA`: the text",
    "TEMPORAL_TLS_CLIENT_KEY_PATH": "a file with its private key; `TEMPORAL_TLS_CLIENT_KEY_DATA`: the text",
    "TEMPORAL_TLS_SERVER_CA_CERT_PATH": "a file with the authorities that may have signed the server's certificate",
    "TEMPORAL_TLS_SERVER_NAME": "the name that the server's certificate must have",
    "TEMPORAL_CONFIG_FILE": "a file of profiles",
    "TEMPORAL_PROFILE": "which of the profiles counts",
}
FIELDS = {name.upper(): field for name, field in Settings.model_fields.items()}


@dataclass(frozen=True)
class Group:
    """A section. `names` is a regular expression for whole names of settings, `about` says where to read on."""

    title: str
    names: str
    about: str = ""

    def has(self, setting: str) -> bool:
        return re.fullmatch(self.names, setting) is not None


GROUPS = (
    Group("Database", "DATABASE_.*", "Limits and what they mean: [PostgreSQL](production.md#postgresql)."),
    Group("Kafka", "KAFKA_.*", "[Kafka ingress](kafka-ingress.md) has the forms of the JSON values."),
    Group("Payloads in Temporal", "PAYLOAD_.*|MAX_PAYLOAD_BYTES", "[Encryption](encryption.md), [limits](limits.md)."),
    Group(
        "Gateway",
        "GATEWAY_.*|MAX_BODY_BYTES|BODY_TIMEOUT|MAX_WAIT|QUERY_TIMEOUT|MAX_CONNECTIONS|KEEP_ALIVE|MAX_WAITING|WEB_UI_URL|CONSOLE|"
        "DRAIN_DELAY",
    ),
    Group("Limits of a caller", "CALLER_.*", "[What a caller at its limit gets](security.md#limits-of-a-caller)."),
    Group("Credentials of callers", "API_KEYS_FILE|JWT_.*", "[Who may call the gateway](security.md)."),
    Group("Cards", "CARD_.*"),
    Group("Stripe", "STRIPE_.*", "[Payment tracker](patterns/payment_tracker.md)."),
    Group("Mail", "SMTP_.*|MAIL_.*", "[TLS and passwords](production.md#mail)."),
    Group("Requests of tasks", "HTTP_TASK_.*", "[Message queue](patterns/message_queue.md)."),
    Group("Patterns", "STEPS|REMINDER.*|MODERATION_.*|REGISTRATION_.*|SIMULATED_.*"),
    Group(
        "Processes", "WORKERS?_.*|CACHED_WORKFLOWS|GRACEFUL_SHUTDOWN|HEALTH_.*|LOG_.*", "[Production](production.md)."
    ),
)

HEAD = """\
# Configuration

Gateway, workers and migrations read their environment when they start, and no file: `.env` is read by Docker Compose
only ([.env.example](../.env.example)). An empty value is the default. A value that is wrong ends the process with a
line that names the variable. This page is written by `make env` from
[infra/settings.py](../infra/settings.py).

- A *duration* is `1500ms`, `10s`, `5m`, `12h`, `7d`, or ISO 8601 (`PT10S`), at most 365 days.
- A *secret* is never logged and never shown in an error. Give it in a file where there is a `_FILE` for it.
- *Read by* says which processes use a setting: the gateway (`python -m api`), the workers (`python -m workers`), the
  migrations (`python -m alembic upgrade head`). All of them check all variables that are set. Gateway and workers of
  one installation must agree on what both read.
"""
TEMPORAL = """\
## Temporal

Temporal's own variables say how gateway and workers connect. They are read by its SDK, and so is the configuration file
of its command line:

| variable | what it is |
|---|---|
"""
TRACES = """
## Distributed traces

OpenTelemetry's own variables, which its SDK reads: `OTEL_EXPORTER_OTLP_ENDPOINT`, a collector's address, switches
[traces](tracing.md) on in gateway and workers.
"""


def write() -> None:
    FILE.write_text(text())


def text() -> str:
    """The whole page."""
    return "\n".join([HEAD, *map(_section, GROUPS), TEMPORAL + _temporal_rows() + TRACES])


def _temporal_rows() -> str:
    return "".join(f"| `{name}` | {meaning} |\n" for name, meaning in TEMPORAL_VARIABLES.items())


def group_of(setting: str) -> Group:
    """The section that has it. Raises `LookupError` if there is not exactly one."""
    found = [group for group in GROUPS if group.has(setting)]
    if len(found) != 1:
        raise LookupError(f"{setting} is in {len(found)} groups of tests/packaging/configuration.py; put it into one")
    return found[0]


def _section(group: Group) -> str:
    settings = [_entry(name, field) for name, field in FIELDS.items() if group_of(name) is group]
    return "\n".join([f"## {group.title}\n", *([f"{group.about}\n"] if group.about else []), *settings])


def _entry(name: str, field: FieldInfo) -> str:
    facts = [_kind(name, field), f"default {_default(field)}", f"read by {_and(readers(name.lower()))}"]
    effect = textwrap.fill(_linked(name, field), 120, break_long_words=False, break_on_hyphens=False)
    return f"### {name}\n\n{' · '.join(facts)}\n\n{effect}\n"


def _linked(name: str, field: FieldInfo) -> str:
    """The docstring, in which other settings and pages are links."""
    assert field.description, f"{name} has no docstring"
    parts = re.split(r"(`[^`]*`)", " ".join(field.description.split()))
    return "".join(_link(part.strip("`"), name) if part.startswith("`") else _links(part, name) for part in parts)


def _link(code: str, here: str) -> str:
    return f"[`{code}`](#{code.lower()})" if code in FIELDS and code != here else f"`{code}`"


def _links(prose: str, here: str) -> str:
    prose = re.sub(r"\bdocs/([\w/-]+\.md)", r"[\1](\1)", prose)
    return re.sub(r"\b[A-Z]+(_[A-Z]+)+\b", lambda match: _link(match[0], here), prose)


def _default(field: FieldInfo) -> str:
    value = shown(field).strip("'")
    return f"`{value}`" if value else "none"


def _and(names: tuple[str, ...]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _kind(name: str, field: FieldInfo) -> str:
    """What to write, with its unit and bounds."""
    type, bounds = _bare(field.annotation, list(field.metadata))
    return ", ".join([_type(name, type), *_bounds(bounds)])


def _bare(annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any]]:
    """The type without `None` and without `Annotated`, and all that is written about it."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _bare(inner, metadata + [m for each in more for m in getattr(each, "metadata", [each])])
    if origin in (Union, types.UnionType):
        [inner] = [each for each in get_args(annotation) if each is not types.NoneType]
        return _bare(inner, metadata)
    return annotation, metadata


def _type(name: str, type: Any) -> str:
    origin = get_origin(type)
    if origin is Literal or issubclass(origin or type, StrEnum):
        return " or ".join(f"`{value}`" for value in get_args(type) or type)
    if type is int:
        return "bytes" if name.endswith("_BYTES") else "whole number"
    if origin in (list, dict):
        return "JSON list" if origin is list else "JSON object"
    if type is str:
        return "URL" if name.endswith("_URL") else "text"
    return _NAMES[type]


_NAMES = {timedelta: "duration", bool: "`true` or `false`", SecretStr: "secret", Path: "path of a file"}


def _bounds(metadata: list[Any]) -> Iterator[str]:
    for each in metadata:
        match each:
            case Gt(gt=value):
                yield f"more than {_plain(value)}"
            case Ge(ge=value):
                yield f"at least {_plain(value)}"
            case Lt(lt=value):
                yield f"less than {_plain(value)}"
            case Le(le=value):
                yield f"at most {_plain(value)}"


def _plain(value: Any) -> str:
    if isinstance(value, timedelta):
        return duration(value) if value else "0"
    return f"{value:,}"


if __name__ == "__main__":
    write()
