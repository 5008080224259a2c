"""Which keys are accepted, which one encrypts, and what a process says about the others."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.payload_keys import BadPayloadKeys, KeyRing, key_ring, load_key_ring
from infra.settings import Settings

KEY = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4


def with_keys(text: str) -> Settings:
    return Settings(payload_keys=SecretStr(text))


@pytest.mark.parametrize("between", [",", " ", "\n", ", ", "\r\n", "  # the old one\n# the new one:\n"])
def test_the_last_key_encrypts_and_all_decrypt(between: str) -> None:
    ring = key_ring(with_keys(f"old:{KEY}{between}new:{OTHER.upper()}\n"))
    assert (ring.newest, list(ring.ciphers)) == ("new", ["old", "new"])


@pytest.mark.parametrize(
    "entry",
    [
        KEY,  # no ID
        f":{KEY}",
        f"a b:{KEY}",
        f"a/b:{KEY}",
        f"é:{KEY}",
        f"{'x' * 65}:{KEY}",
        f"a:{KEY[:-1]}",
        f"a:{KEY}0",
        f"a:{KEY[:32]}",  # AES-128
        f"a:{KEY[:-1]}g",
        f"a:{KEY[:-1]}٣",
        "a:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        f"a:{KEY}:{OTHER}",
        f"a: {KEY}",
        f"a={KEY}",
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(entry: str) -> None:
    for text in (entry, f"good:{OTHER},{entry}"):
        with pytest.raises(BadPayloadKeys, match="PAYLOAD_KEYS: entry") as refused:
            key_ring(with_keys(text))
        assert KEY[:8] not in str(refused.value)
        assert "openssl rand -hex 32" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"a:{KEY},a:{OTHER}", "'a' is there twice"),
        ("a:" + "0" * 64, "placeholder"),
        (" , ", "there is no key"),
        ("# none yet", "there is no key"),
    ],
)
def test_a_ring_that_cannot_be_meant_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadPayloadKeys, match=reason):
        key_ring(with_keys(text))


def test_a_file_has_a_key_on_each_line(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# made in May\nold:{KEY}\n\nnew:{OTHER}\n")
    assert key_ring(Settings(payload_keys_file=file)).newest == "new"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for file, reason in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(BadPayloadKeys, match=f"PAYLOAD_KEYS_FILE {file}: cannot be read: {reason}"):
            key_ring(Settings(payload_keys_file=file))
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\x00")
    with pytest.raises(BadPayloadKeys, match=f"PAYLOAD_KEYS_FILE {binary}: is not ASCII"):
        key_ring(Settings(payload_keys_file=binary))


def test_two_sources_of_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPayloadKeys, match="both set"):
        key_ring(Settings(payload_keys=SecretStr(f"a:{KEY}"), payload_keys_file=tmp_path))


def test_no_process_starts_without_a_key_unless_encryption_is_off() -> None:
    with pytest.raises(SystemExit, match=r"PAYLOAD_KEYS_FILE or PAYLOAD_KEYS .* or PAYLOAD_ENCRYPTION=off"):
        load_key_ring(Settings())
    assert load_key_ring(Settings(payload_encryption="off")) == KeyRing()


def test_without_encryption_the_keys_still_decrypt() -> None:
    ring = key_ring(Settings(payload_encryption="off", payload_keys=SecretStr(f"a:{KEY}")))
    assert (ring.newest, list(ring.ciphers)) == (None, ["a"])


def test_a_ring_does_not_show_its_keys() -> None:
    assert KEY[:8] not in repr(key_ring(with_keys(f"a:{KEY}")))
