"""Without credentials a gateway listens on loopback only, and says so."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.security.authentication import Authentication, authentication, check_exposure, is_loopback
from infra.settings import Settings, load_settings
from tests.api.security.gateways import application, bearing, client_of, write_keys

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.2", "127.1"])
def test_on_loopback_it_is_open_and_says_so_in_one_line(host: str) -> None:
    said = check_exposure(Authentication(), host)
    assert said is not None
    assert said.startswith("Open: ")
    assert "\n" not in said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "no-such-host.invalid", "2001:db8::1"])
def test_on_any_other_address_it_does_not_start(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(SystemExit, match=r"GATEWAY_HOST: .*API_KEYS_FILE.*JWT_ISSUER"):
        check_exposure(Authentication(), host)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_with_credentials_it_starts_anywhere_without_a_word(host: str, tmp_path: Path) -> None:
    write_keys(tmp_path / "keys.json", {})
    settings = Settings(api_keys_file=tmp_path / "keys.json")
    assert check_exposure(authentication(settings), host) is None
    settings = Settings(jwt_issuer="https://issuer", jwt_audience="a", jwt_jwks="https://issuer/keys")
    assert check_exposure(authentication(settings), host) is None


def started(**variables: str) -> subprocess.CompletedProcess[str]:
    """A gateway that ends by itself."""
    environment = {**os.environ, "GATEWAY_PORT": "0", **variables}
    command = [sys.executable, "-m", "api"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"GATEWAY_HOST": "0.0.0.0"}, "GATEWAY_HOST: '0.0.0.0' can be reached from other machines"),
        ({"API_KEYS_FILE": "/no/such/file"}, "API_KEYS_FILE: /no/such/file cannot be read"),
        ({"JWT_ISSUER": "https://issuer"}, "JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS go together"),
        ({"JWT_ALGORITHMS": '["HS256"]'}, "JWT_ALGORITHMS"),
        ({"JWT_ALGORITHMS": '["none"]'}, "JWT_ALGORITHMS"),
        ({"JWT_ALGORITHMS": "[]"}, "JWT_ALGORITHMS"),
        ({"CARD_TOKEN_KEY": "", "PAYLOAD_ENCRYPTION": "off"}, "Set CARD_TOKEN_KEY to a random secret"),
        ({"CARD_TOKEN_KEY": "too short"}, "CARD_TOKEN_KEY"),
    ],
)
def test_a_wrong_setting_ends_it_as_any_other_does(variables: dict[str, str], line: str) -> None:
    ended = started(**variables)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert line in ended.stderr.splitlines()[-1]
    assert ended.stderr.count("\n") <= len("RS256")  # a line, or one for each wrong algorithm


@pytest.mark.parametrize(
    "source", ["http://issuer/keys", "ftp://issuer/keys", "https://user:secret@issuer/keys", "file:///etc/passwd"]
)
def test_the_issuers_keys_come_by_https_or_from_a_file(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_JWKS", source)
    with pytest.raises(SystemExit, match="JWT_JWKS") as refused:
        load_settings()
    assert "secret" not in str(refused.value)


async def test_a_gateway_with_keys_never_logs_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys = write_keys(tmp_path / "keys.json", {"shop": {"roles": ["caller"]}})
    http = client_of(application(Settings(api_keys_file=tmp_path / "keys.json")))
    answers = []
    with caplog.at_level(logging.DEBUG):
        for key in (keys["shop"], keys["shop"][:-1] + "?", keys["shop"] + "\t"):
            for path in ("/metrics", "/UserFeed/a", "/nowhere", "/invocations/x"):
                answers.append(await http.get(path, headers=bearing(key)))
    secret = keys["shop"][4:20]
    assert secret not in caplog.text
    assert not any(secret in answer.text + str(answer.headers) for answer in answers)
