"""`python -m api keys` makes a key that a gateway accepts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from api.security import key_command
from domain.access import Caller, Role
from infra.api_keys import ApiKeys

ROOT = Path(__file__).parents[3]


def shown(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """The entries on stdout, and the key on stderr."""
    said = capsys.readouterr()
    return said.out, said.err.split()[-1]


def test_the_entry_goes_to_stdout_and_the_key_to_stderr(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    key_command.main(["shop", "--role", "caller", "--role", "operator", "--tenant", "acme", "--service", "UserFeed"])
    entries, key = shown(capsys)
    file = tmp_path / "keys.json"
    file.write_text(entries)
    roles = frozenset({Role.CALLER, Role.OPERATOR})
    assert ApiKeys(file).find(key) == Caller("shop", "acme", roles, frozenset({"UserFeed"}))
    assert key not in entries
    assert list(json.loads(entries)[0]) == ["name", "sha256", "tenant", "roles", "services"]


def test_with_a_file_the_entry_is_added_to_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = []
    for name in ("one", "two"):
        key_command.main([name, "--role", "caller", "--file", str(file)])
        entries, key = shown(capsys)
        assert entries == ""
        keys.append(key)
    found = [ApiKeys(file).find(key) for key in keys]
    assert [caller and caller.name for caller in found] == ["one", "two"]
    assert [each.name for each in tmp_path.iterdir()] == ["keys.json"]
    with pytest.raises(SystemExit, match="has a key named one: use another name"):
        key_command.main(["one", "--role", "caller", "--file", str(file)])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["a", "--role", "caller", "--tenant", "a/b"], "tenant: "),
        (["a", "--role", "caller", "--service", "Nothing"], "services: .*no such service"),
        (["", "--role", "caller"], "name: "),
        (["a", "--role", "caller", "--file", "/no/such/folder/keys.json"], "cannot be written: No such file"),
    ],
)
def test_what_no_entry_can_have_is_refused_with_a_line(arguments: list[str], reason: str) -> None:
    with pytest.raises(SystemExit, match=reason):
        key_command.main(arguments)


def test_it_needs_no_settings_and_no_server() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "api", "keys", "shop", "--role", "metrics"],
        cwd=ROOT,
        env={"DATABASE_URL": "", "REMINDERS": "wrong"},
        capture_output=True,
        text=True,
        check=True,
    )
    [entry] = json.loads(run.stdout)
    assert (entry["name"], entry["roles"]) == ("shop", ["metrics"])
    assert "dpk_" in run.stderr
