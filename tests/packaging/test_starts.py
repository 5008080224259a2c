"""A program that cannot start ends with one line that says what to do, in JSON if the log is, and never a traceback."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.listening import listen, port_of

ROOT = Path(__file__).parents[2]
API = ("api",)
KEYS = ("api", "keys", "me", "--role", "caller")
WORKERS = ("workers", "booking")
MIGRATE = ("alembic", "upgrade", "head")

Causes = Mapping[str, tuple[tuple[str, ...], dict[str, str], str]]
"""What is wrong: the program, its variables, and what the line begins with."""

CAUSES: Causes = {
    "a setting of the migration": (MIGRATE, {"DATABASE_TIMEOUT": "5"}, "DATABASE_TIMEOUT: "),
    "no JSON": (WORKERS, {"KAFKA_CLUSTERS": "{"}, "KAFKA_CLUSTERS: it must be JSON"),
    "a database URL": (WORKERS, {"DATABASE_URL": "nonsense"}, "DATABASE_URL: "),
    "a folder that cannot be made": (API, {"DATABASE_URL": "sqlite+aiosqlite:////dev/null/a/db"}, "DATABASE_URL: "),
    "a database that is a folder": (MIGRATE, {"DATABASE_URL": "sqlite+aiosqlite:////"}, "The database "),
    "no database to migrate": (
        MIGRATE,
        {"DATABASE_URL": "postgresql+asyncpg://u:p@127.0.0.1:1/db"},
        "The database cannot be reached: ",
    ),
    "a mode of TLS to the database": (
        MIGRATE,
        {"DATABASE_URL": "postgresql+asyncpg://u:p@127.0.0.1:1/db?ssl=nonsense"},
        "DATABASE_URL: ",
    ),
    "no Temporal": (WORKERS, {"TEMPORAL_ADDRESS": "127.0.0.1:1"}, "Temporal cannot be reached: "),
    "Temporal's address": (API, {"TEMPORAL_ADDRESS": "not an address"}, "Temporal's settings "),
    "Temporal's certificate": (API, {"TEMPORAL_TLS_CLIENT_CERT_PATH": "/no/file"}, "Temporal's settings "),
    "Temporal's profile": (WORKERS, {"TEMPORAL_PROFILE": "missing"}, "Temporal's settings "),
    "Temporal's file": (API, {"TEMPORAL_CONFIG_FILE": str(ROOT / "README.md")}, "Temporal's settings "),
    "TLS of Temporal": (
        WORKERS,
        {"TEMPORAL_TLS": "true", "TEMPORAL_TLS_CLIENT_CERT_DATA": "no PEM", "TEMPORAL_TLS_CLIENT_KEY_DATA": "no PEM"},
        "Temporal cannot be reached: ",
    ),
    "Temporal's key": (WORKERS, {"TEMPORAL_API_KEY": "two\nlines"}, "Temporal's settings "),
    "metrics": (WORKERS, {"WORKERS_METRICS_ADDRESS": "nonsense"}, "WORKERS_METRICS_ADDRESS: "),
    "a port of metrics in use": (
        WORKERS,
        {"WORKERS_METRICS_ADDRESS": "127.0.0.1:{taken}"},
        "WORKERS_METRICS_ADDRESS: ",
    ),
    "a port in use": (API, {"GATEWAY_PORT": "{taken}"}, "GATEWAY_HOST, GATEWAY_PORT: cannot listen on "),
    "a health port in use": (API, {"HEALTH_PORT": "{taken}"}, "HEALTH_HOST, HEALTH_PORT: cannot listen on "),
    "an option": ((*API, "--port", "99999"), {}, "GATEWAY_HOST, GATEWAY_PORT: cannot listen on "),
    "a folder of payload keys": (WORKERS, {"PAYLOAD_KEYS_FILE": "/"}, "PAYLOAD_KEYS_FILE /: cannot be read"),
    "a file of the token key": (
        API,
        {"CARD_TOKEN_KEY": "", "CARD_TOKEN_KEY_FILE": "/no/file"},
        "CARD_TOKEN_KEY_FILE /no/file cannot be read",
    ),
    "a folder of API keys": (API, {"API_KEYS_FILE": "/"}, "API_KEYS_FILE: / cannot be read"),
    "a folder for API keys": ((*KEYS, "--file", "/no/folder/keys"), {}, "/no/folder/keys cannot be written"),
    "a file that is no folder": ((*KEYS, "--file", "/dev/null/keys"), {}, "/dev/null/keys cannot be "),
    "half of Temporal's certificate": (
        API,
        {"TEMPORAL_TLS": "true", "TEMPORAL_TLS_CLIENT_CERT_DATA": "no PEM"},
        "Temporal's settings ",
    ),
}


IN_TEXT = ("no Temporal", "a port in use", "a folder for API keys")
"""The log's form makes no difference to the rest."""


@pytest.mark.parametrize(("cause", "form"), [*((cause, "json") for cause in CAUSES), *((c, "text") for c in IN_TEXT)])
def test_what_is_wrong_is_one_line(cause: str, form: str, tmp_path: Path) -> None:
    program, variables, beginning = CAUSES[cause]
    [taken] = listen("127.0.0.1", 0, "")
    with taken:
        given = {name: value.replace("{taken}", str(port_of([taken]))) for name, value in variables.items()}
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/db",
            "GATEWAY_PORT": "0",
            "LOG_FORMAT": form,
            "PAYLOAD_ENCRYPTION": "off",
            "TEMPORAL_ADDRESS": "127.0.0.1:1",
            **given,
        }
        ended = subprocess.run(
            [sys.executable, "-m", *program],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (1, ""), ended.stderr
    assert "Traceback" not in ended.stderr
    *before, last = ended.stderr.splitlines()
    if form == "json":
        assert json.loads(last)["level"] == "CRITICAL"
        assert [json.loads(line) for line in before if json.loads(line)["level"] in ("ERROR", "CRITICAL")] == []
        last = json.loads(last)["message"]
    else:
        assert [line for line in before if " ERROR " in line or not line[:1].isdigit()] == []
    assert last.startswith(beginning), ended.stderr
