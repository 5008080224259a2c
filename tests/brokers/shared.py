"""Nodes of Apache Kafka that all test processes of a run share. Each starts once, when the first test asks for it.

They belong to the process that pytest was started as: a test process that asks for one may end before the others.
"""

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from multiprocessing.connection import Client, Listener
from pathlib import Path
from threading import Thread

from tests.brokers.apache import ApacheKafka, Node

Start = Callable[[Path, str], AbstractContextManager[Node]]
"""Runs a node with its files in a folder. The text is the settings in which nodes differ."""


class SharedKafka:
    """Starts nodes for the test processes, which ask at `address`, and stops them when it is closed.

    The address is a socket in a folder that only this user can open.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        self._listener = Listener(family="AF_UNIX")
        self._nodes: dict[str, ApacheKafka] = {}
        self._running = ExitStack()
        self._thread = Thread(target=self._serve, name="shared Kafka", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return str(self._listener.address)

    def close(self) -> None:
        with Client(self.address) as connection:
            connection.send(None)
        self._thread.join()
        self._listener.close()
        self._running.close()

    def _serve(self) -> None:
        """Answer one process after the other, until one sends None."""
        while True:
            with self._listener.accept() as connection, suppress(EOFError, ConnectionError):
                asked = connection.recv()
                if asked is None:
                    return
                connection.send(self._answer(*asked))

    def _answer(self, folder: Path, variant: str) -> ApacheKafka | str:
        if variant not in self._nodes:
            try:
                self._nodes[variant] = self._running.enter_context(self._start(folder, variant)).kafka
            except (OSError, subprocess.SubprocessError) as error:
                return f"Apache Kafka does not start, see {folder}: {error}"
        return self._nodes[variant]


def shared_kafka(address: str, folder: Path, variant: str) -> ApacheKafka:
    """The run's node with these settings. If it does not run yet, its files will be in `folder`."""
    with Client(address) as connection:
        connection.send((folder, variant))
        answer = connection.recv()
    assert isinstance(answer, ApacheKafka), answer
    return answer
