"""`make up`: the stack until Ctrl-C."""

import json
import os
import sys
from pathlib import Path

from devstack.errors import StackError
from devstack.interrupts import until_interrupted
from devstack.own_clusters import own_clusters, own_topics
from devstack.ports import Ports
from devstack.screen import Screen
from devstack.stack import Stack


async def up(data: Path, ports: Ports) -> int:
    """Run the stack until a signal ends it (0), or a process that cannot be kept running (1)."""
    screen = Screen(sys.stdout)
    try:
        stack = Stack(data, ports, _settings(ports), screen.log, crash_button=True)
        await until_interrupted(_serve(stack, screen), stack.processes.kill_all)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _settings(ports: Ports) -> dict[str, str]:
    """What gateway and workers get of the user's environment though the stack sets it itself. Raises `CannotStart`."""
    clusters = own_clusters(os.environ, embedded_broker=ports.broker is not None)
    settings = {"KAFKA_CLUSTERS": json.dumps(clusters), "KAFKA_ALLOWED": json.dumps(own_topics(os.environ))}
    if ports.broker is None and "KAFKA_EPOCH" in os.environ:
        settings["KAFKA_EPOCH"] = os.environ["KAFKA_EPOCH"]
    return settings


async def _serve(stack: Stack, screen: Screen) -> None:
    async with stack:
        screen.show(stack)
        await stack.keep_running()
