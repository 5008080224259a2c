"""Write `.env.example` from the settings and from docker-compose.yml: `make env`."""

import json
import re
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from infra.settings import Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".env.example"
COMPOSE = (ROOT / "docker-compose.yml").read_text()
INTERPOLATED: dict[str, str] = dict(re.findall(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", COMPOSE))
"""The variables that Compose replaces, with the file's own defaults."""
REQUIRED = set(re.findall(r"\$\{(\w+):\?", COMPOSE))
EXAMPLES = {
    **dict.fromkeys(
        ("CARD_TOKEN_KEY", "POSTGRES_PASSWORD", "PATTERNS_DB_PASSWORD", "TEMPORAL_DB_PASSWORD"), "openssl rand -hex 32"
    ),
    "PAYLOAD_KEYS": 'echo "first:$(openssl rand -hex 32)"',
}
"""Commands that make what is required."""

OF_COMPOSE_ALONE = {
    "BACKUPS": "Where backups of PostgreSQL go: a folder of this machine, or the name of a volume (docs/backup.md).",
    "GRAFANA_PORT": "Grafana's port on this machine, with `--profile monitoring`.",
    "JAEGER_PORT": "Jaeger's port on this machine.",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "A collector's address switches traces on: http://collector:4318 with the profile.",
    "OTLP_PORT": "The collector's port on this machine, for traces.",
    "PATTERNS_DB_PASSWORD": "The password of the application's role in PostgreSQL, as POSTGRES_PASSWORD.",
    "POSTGRES_PASSWORD": "The password of PostgreSQL's superuser: letters and digits. Set at the first start only.",
    "PROMETHEUS_PORT": "Prometheus' port on this machine.",
    "TEMPORAL_DB_PASSWORD": "The password of Temporal's role in PostgreSQL, as POSTGRES_PASSWORD.",
    "TEMPORAL_PORT": "Temporal's port on this machine.",
    "TOPIC_PARTITIONS": "How many partitions the topics are created with.",
    "WAL_ARCHIVE": "`on` keeps PostgreSQL's write-ahead log, for a restore to a point in time (docs/backup.md).",
    "WEB_UI_PORT": "The Temporal Web UI's port on this machine.",
}

HEAD = """\
Settings, with their defaults. `make env` writes this file from infra/settings.py and docker-compose.yml.

Docker Compose alone reads `.env`: cp .env.example .env, then uncomment what you change.
Processes that you start yourself read their environment: set -a; . ./.env; set +a; python -m api
`make up` and `make demo` take variables too: make up GATEWAY_PORT=8081 REMINDER_INTERVAL=5s

Durations are 1500ms, 10s, 5m, 12h, 7d or ISO 8601 (PT10S). An empty value is the default."""
COMPOSE_TITLE = "Variables of Docker Compose, which reach the containers through docker-compose.yml."
OTHERS_TITLE = """\
Settings of the gateway and the workers. Compose passes these to its containers only if you add them to `x-settings`
in docker-compose.yml. A value that is already set there has precedence."""
TEMPORAL = """\
Outside Compose, Temporal's own variables work too: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
TEMPORAL_API_KEY, TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_PROFILE and the others (docs/production.md).
So do OpenTelemetry's: OTEL_EXPORTER_OTLP_ENDPOINT and the others (docs/tracing.md)."""


def write() -> None:
    FILE.write_text(text())


def text() -> str:
    """The whole file."""
    settings = {name.upper(): field for name, field in Settings.model_fields.items()}
    compose = [_of_compose(name, settings.get(name)) for name in sorted(INTERPOLATED, key=_required_first)]
    others = [_entry(name, _description(f), shown(f)) for name, f in settings.items() if name not in INTERPOLATED]
    parts = [_comment(HEAD), _comment(COMPOSE_TITLE), *compose, _comment(OTHERS_TITLE), *others, _comment(TEMPORAL)]
    return "\n\n".join(parts) + "\n"


def _required_first(name: str) -> tuple[bool, str]:
    return name not in REQUIRED, name


def _of_compose(name: str, field: FieldInfo | None) -> str:
    description = OF_COMPOSE_ALONE[name] if field is None else _description(field)
    if name in REQUIRED:
        return f"{_comment(f'{description} Required, for example: {EXAMPLES[name]}')}\n{name}="
    return _entry(name, description, INTERPOLATED[name] or (shown(field) if field else ""))


def _entry(name: str, description: str, shown: str) -> str:
    return f"{_comment(description)}\n#{name}={shown}"


def _description(field: FieldInfo) -> str:
    assert field.description, f"{field} has no docstring"
    return " ".join(field.description.replace("`", "").split())


def _comment(paragraphs: str) -> str:
    return "\n".join(_comment_lines(paragraphs))


def _comment_lines(paragraphs: str) -> Iterator[str]:
    for line in paragraphs.splitlines():
        yield from textwrap.wrap(line, 118, initial_indent="# ", subsequent_indent="# ") or ["#"]


def shown(field: FieldInfo) -> str:
    """The default as it is written in a shell and in `.env`. The default of a secret is never shown."""
    default = field.default
    if default is None or isinstance(default, SecretStr):
        return ""
    if isinstance(default, timedelta):
        return duration(default)
    if isinstance(default, dict | list):
        return f"'{json.dumps(default, default=_plain)}'"
    return str(default)


def _plain(value: object) -> object:
    assert isinstance(value, BaseModel)
    given = value.model_dump(exclude_defaults=True, by_alias=True)
    return given["bootstrapServers"] if given.keys() == {"bootstrapServers"} else given


def duration(value: timedelta) -> str:
    """In the largest unit of which it is a multiple."""
    units = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
    unit = next((unit for unit, length in units.items() if not value % length), "ms")
    return f"{value // units.get(unit, timedelta(milliseconds=1))}{unit}"


if __name__ == "__main__":
    write()
