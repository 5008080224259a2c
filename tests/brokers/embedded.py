"""The embedded broker, for tests."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from devstack.broker_binary import verified_broker
from devstack.watchdog import Watchdog
from tests.brokers.ports import free_address, wait_until_it_listens


@contextmanager
def running_broker(address: str | None = None, advertised: str | None = None) -> Iterator[str]:
    """A broker in memory, with nothing in it; yields its address. It sends clients to `advertised`, or to itself.

    It ends with this process, even if this one is killed.
    """
    address = address or free_address()
    urls = ["--listener-url", f"tcp://{address}", "--advertised-listener-url", f"tcp://{advertised or address}"]
    storage = ["--storage-engine", "memory://tansu/"]
    command = [verified_broker(), "broker", "--silent", *urls, *storage]
    with Watchdog() as watchdog, subprocess.Popen(command, start_new_session=True) as process:
        watchdog.guard(process.pid)
        try:
            wait_until_it_listens(address)
            yield address
        finally:
            process.kill()  # it stores nothing; SIGTERM would wait for open connections
            process.wait()
            watchdog.release(process.pid)
