"""The folder in which a stack keeps its state, for its owner's eyes only. One stack can use it at a time."""

import fcntl
import os
import secrets
from pathlib import Path
from typing import Self

from devstack.errors import CannotStart


class DataFolder:
    """Locked from enter to exit, or to the end of the process. Raises `CannotStart` on enter."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    @property
    def temporal_database(self) -> Path:
        return self.path / "temporal.db"

    @property
    def database(self) -> Path:
        return self.path / "patterns.db"

    @property
    def database_url(self) -> str:
        return f"sqlite+aiosqlite:///{self.database}"

    @property
    def payload_keys(self) -> Path:
        """The keys that encrypt payloads. What `temporal.db` contains cannot be read without this file."""
        return self.path / "payload-keys"

    @property
    def card_token_key(self) -> Path:
        """The key under which card numbers become tokens."""
        return self.path / "card-token-key"

    def __enter__(self) -> Self:
        lock = self.path / "lock"
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._close_to_others(lock)
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotStart(f"Cannot write to the data folder {self.path}: {error.strerror}.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._lock, 20).decode().strip()
            os.close(self._lock)
            raise CannotStart(
                f"The data folder {self.path} is in use by another stack (process {holder}):"
                " stop that one, or choose another folder with --data or DATA."
            ) from None
        os.ftruncate(self._lock, 0)
        os.write(self._lock, str(os.getpid()).encode())
        self._make_once(self.payload_keys, f"local-{secrets.token_hex(4)}:{secrets.token_hex(32)}")
        self._make_once(self.card_token_key, secrets.token_hex(32))
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def _close_to_others(self, lock: Path) -> None:
        """A folder that is empty or was a stack's before is only for its owner; any other one is left as it is."""
        if lock.exists() or not any(self.path.iterdir()):
            self.path.chmod(0o700)

    def _make_once(self, path: Path, secret: str) -> None:
        """Written under another name first: a key that was cut short would be lost, with all that it encrypts."""
        if path.exists():
            return
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
