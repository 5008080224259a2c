"""CPU time and memory of processes, from /proc (Linux)."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PARENT, _SESSION, _USER, _SYSTEM = 1, 3, 11, 12
"""Fields of /proc/PID/stat, counted from the one after the command's name."""


@dataclass(frozen=True)
class Usage:
    """What each process has used so far, by its name in the stack."""

    cpu_seconds: dict[str, float]
    resident_mib: dict[str, float]

    def cpu_since(self, before: "Usage", name: str) -> float:
        """CPU seconds of the process and of its copies: of `workers` also those of `workers-2`."""
        copies = [each for each in self.cpu_seconds if each == name or each.startswith(f"{name}-")]
        return sum(self.cpu_seconds[each] - before.cpu_seconds[each] for each in copies)


def usage(pids: Mapping[str, int]) -> Usage:
    return Usage(cpu_by_name(pids), {name: _resident_mib(pid) for name, pid in pids.items()})


def cpu_by_name(pids: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds so far of each named process and of those it has started: all that are in its session, and its
    children that have sessions of their own, as PostgreSQL's do."""
    names = {pid: name for name, pid in pids.items()}
    seconds = dict.fromkeys(pids, 0.0)
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (fields := _fields(folder)):
            name = names.get(int(fields[_SESSION])) or names.get(int(fields[_PARENT]))
            if name:
                seconds[name] += (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS
    return seconds


def busy_seconds() -> float:
    """CPU seconds that the whole machine has worked so far, including those that its host took from it."""
    user, nice, system, _, _, *interrupts_and_stolen = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + sum(interrupts_and_stolen)) / _TICKS


def _fields(process: Path) -> list[str]:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return []


def _resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 2**20
