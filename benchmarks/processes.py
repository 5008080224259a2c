"""CPU time and memory of the stack's processes, from /proc (Linux)."""

import os
from dataclasses import dataclass
from pathlib import Path

from devstack.stack import Stack

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    cpu_seconds: dict[str, float]
    resident_mib: dict[str, float]

    def cpu_since(self, before: "Usage", name: str) -> float:
        return self.cpu_seconds[name] - before.cpu_seconds[name]


def usage(stack: Stack) -> Usage:
    """What each process has used so far."""
    pids = stack.processes.pids()
    return Usage({name: _cpu(pid) for name, pid in pids.items()}, {name: _resident(pid) for name, pid in pids.items()})


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / _TICKS


def _resident(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 2**20
