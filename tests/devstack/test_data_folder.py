"""The data folder is for its owner's eyes only, and keeps the key that its payloads need."""

from pathlib import Path

import pytest

from devstack.data_folder import DataFolder
from devstack.stack import Stack
from infra.payload_keys import KeyRing


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def keys(folder: DataFolder) -> KeyRing:
    return KeyRing.parse(folder.payload_keys.read_text(), "the folder's keys")


def opened(path: Path) -> DataFolder:
    with DataFolder(path) as folder:
        return folder


@pytest.mark.parametrize("before", ["missing", "empty", "a stack's"])
def test_it_is_closed_to_others(tmp_path: Path, before: str) -> None:
    path = tmp_path / "parent" / "data"
    if before != "missing":
        path.mkdir(parents=True, mode=0o755)
    if before == "a stack's":
        (path / "lock").touch(0o644)
        (path / "temporal.db").touch(0o644)
    folder = opened(path)
    assert mode(path) == 0o700
    assert mode(folder.payload_keys) == 0o600


def test_a_folder_with_other_files_keeps_its_mode_but_not_the_key(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "other").touch()
    folder = opened(tmp_path)
    assert mode(tmp_path) == 0o755
    assert {mode(tmp_path / "lock"), mode(folder.payload_keys)} == {0o600}


def test_each_folder_has_a_key_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    folder, other = opened(tmp_path / "one"), opened(tmp_path / "other")
    before = folder.payload_keys.read_bytes()
    assert opened(tmp_path / "one").payload_keys.read_bytes() == before
    assert keys(folder).newest != keys(other).newest


def test_a_key_that_was_added_is_kept(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    first = keys(folder).newest
    with folder.payload_keys.open("a") as file:
        file.write(f"second:{'0f' * 32}\n")
    assert list(keys(opened(tmp_path)).ciphers) == [first, "second"]


def test_a_draft_of_a_key_from_a_start_that_was_killed_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "payload-keys.new").write_text("local-1:01")
    assert keys(opened(tmp_path)).newest
    assert [file.name for file in tmp_path.glob("payload-keys*")] == ["payload-keys"]


async def test_every_file_of_a_running_stack_is_its_owners(stack: Stack) -> None:
    modes = {path.name: oct(mode(path)) for path in stack.data.path.iterdir()}
    assert modes.keys() >= {"temporal.db", "patterns.db", "payload-keys", "lock"}
    assert set(modes.values()) == {"0o600"}, modes
    assert mode(stack.data.path) == 0o700
