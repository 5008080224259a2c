"""API keys: what a file of them may contain, and that it is read again when it changes."""

import hashlib
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from domain.access import Caller, Role
from infra import api_keys
from infra.api_keys import ApiKeys, UnusableKeys, hash_of, is_api_key, new_key
from tests.eventually import eventually

ENTRY = {"name": "shop", "sha256": "0" * 64, "roles": ["caller"]}


def write(file: Path, *entries: dict[str, Any]) -> None:
    file.write_text(json.dumps(entries))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_is_256_random_bits_and_its_hash_is_their_sha_256() -> None:
    key, digest = new_key()
    assert re.fullmatch("dpk_[A-Za-z0-9_-]{43}", key)
    assert is_api_key(key)
    assert digest == hashlib.sha256(key.encode()).hexdigest()
    assert new_key()[0] != key


def test_a_key_is_found_by_its_hash_with_all_that_the_entry_says(file: Path) -> None:
    (one, first), (two, second) = new_key(), new_key()
    write(
        file,
        {"name": "shop", "sha256": first, "roles": ["caller"]},
        {"name": "ops", "sha256": second, "tenant": "acme", "roles": ["operator", "metrics"], "services": ["UserFeed"]},
    )
    keys = ApiKeys(file)
    assert keys.find(one) == Caller("shop", "default", frozenset({Role.CALLER}))
    both = frozenset({Role.OPERATOR, Role.METRICS})
    assert keys.find(two) == Caller("ops", "acme", both, frozenset({"UserFeed"}))
    assert keys.find(new_key()[0]) is None
    assert keys.find(first) is None, "the hash is no key"


def test_two_keys_of_a_client_count_until_the_old_one_is_removed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "CHECK_SECONDS", 0.0)
    (old, old_hash), (new, new_hash) = new_key(), new_key()
    write(file, ENTRY | {"sha256": old_hash})
    keys = ApiKeys(file)
    write(file, ENTRY | {"sha256": old_hash}, ENTRY | {"name": "shop-2", "sha256": new_hash})
    assert keys.find(old)
    assert keys.find(new)
    write(file, ENTRY | {"name": "shop-2", "sha256": new_hash})
    assert keys.find(old) is None
    assert keys.find(new)


async def test_a_change_takes_effect_without_a_restart(file: Path) -> None:
    key, digest = new_key()
    write(file)
    keys = ApiKeys(file)
    assert keys.find(key) is None
    write(file, ENTRY | {"sha256": digest})
    await eventually(lambda: keys.find(key))


def test_a_file_that_becomes_unusable_changes_nothing_and_is_logged_once(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api_keys, "CHECK_SECONDS", 0.0)
    key, digest = new_key()
    write(file, ENTRY | {"sha256": digest})
    keys = ApiKeys(file)
    with caplog.at_level(logging.WARNING):
        file.write_text('[{"name": "shop", "sha256"')
        assert keys.find(key)
        assert keys.find(key)
        file.unlink()
        assert keys.find(key)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert all("stay as they were" in line and str(file) in line for line in said)
    write(file)
    assert keys.find(key) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("{}", "valid array"),
        ('[{"name": "a", "name": "b"}]', "twice"),
        (json.dumps([ENTRY | {"sha256": "dpk_secret"}]), "0.sha256"),
        (json.dumps([ENTRY | {"key": "dpk_secret"}]), "0.key"),
        (json.dumps([ENTRY | {"roles": []}]), "0.roles"),
        (json.dumps([ENTRY | {"roles": ["admin"]}]), "0.roles"),
        (json.dumps([ENTRY | {"roles": ["webhook"]}]), "no API key has this role"),
        (json.dumps([ENTRY | {"services": ["Nothing"]}]), "no such service"),
        (json.dumps([ENTRY | {"services": []}]), "0.services"),
        (json.dumps([ENTRY | {"tenant": "a/b"}]), "0.tenant"),
        (json.dumps([ENTRY | {"tenant": ""}]), "0.tenant"),
        (json.dumps([ENTRY | {"tenant": "a:b"}]), "0.tenant"),
        (json.dumps([ENTRY, ENTRY | {"sha256": "1" * 64}]), "the same name"),
        (json.dumps([ENTRY, ENTRY | {"name": "b"}]), "the same sha256"),
        (json.dumps([{"name": "a", "roles": ["caller"]}]), "0.sha256"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place_and_without_its_content(file: Path, text: str, reason: str) -> None:
    file.write_text(text)
    with pytest.raises(UnusableKeys) as refused:
        ApiKeys(file)
    assert reason in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused_with_its_path(file: Path) -> None:
    with pytest.raises(UnusableKeys, match=f"{re.escape(str(file))} cannot be read: No such file"):
        ApiKeys(file)


def test_a_key_and_its_hash_are_compared_to_their_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the place of an entry nor that of the first wrong character shows in the time."""
    compared: list[str] = []

    def compare(one: str, other: str) -> bool:
        compared.append(one)
        return one == other

    key, digest = new_key()
    write(file, ENTRY | {"sha256": digest}, *(ENTRY | {"name": f"{n}", "sha256": f"{n}" * 64} for n in range(3)))
    monkeypatch.setattr("infra.api_keys.hmac.compare_digest", compare)
    assert ApiKeys(file).find(key)
    assert len(compared) == 4
    assert hash_of(key) == digest
