"""The folder in which a stack keeps its state. One stack can use it at a time."""

import fcntl
import os
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

    def __enter__(self) -> Self:
        lock = self.path / "lock"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
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
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)
