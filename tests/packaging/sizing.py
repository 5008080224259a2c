"""Write docs/sizing.md from the tables of benchmarks/README.md and a run on PostgreSQL: `make env`."""

import math
from dataclasses import dataclass
from pathlib import Path

from infra.settings import Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs/sizing.md"
TEMPLATE = Path(__file__).with_name("sizing.md")
BENCHMARK = ROOT / "benchmarks/README.md"
TABLE = "| unit | server | worker | gateway | Restate: server | worker |"

BUSY = 0.6
"""How much of a core is planned for, so that there is room for peaks, restarts and slower machines."""


@dataclass(frozen=True)
class Cost:
    """Milliseconds of CPU of one unit, by who uses it."""

    temporal: float
    postgresql: float
    workers: float
    gateway: float

    @property
    def parts(self) -> tuple[float, ...]:
        return self.temporal, self.postgresql, self.workers, self.gateway

    @property
    def total(self) -> float:
        return sum(self.parts)


TRIP = "trip with three compensations"
MEASURED = {TRIP: (44.0, 30.0), "called task": (8.7, 7.0)}
"""Temporal 1.32.0 and PostgreSQL 17.6, with the plugin `postgres12_pgx`: medians, 50 calls at a time, two cores."""
SERVER_MEMORY = {"gateway": 136, "worker": 226, "Temporal": 428, "Kafka": 453}
"""MiB of a process after that run."""
MIX = {"record, 50 keys": 9_000, "subtask of 1,000": 500, "called task": 300, "state read": 150, TRIP: 50}
"""Units per second of the example."""
WAITS = {"called task": 0.5, TRIP: 3.0}
"""How long a call waits for its outcome, in seconds, while two cores are busy: the medians of that run."""
TEMPORAL_CONNECTIONS = 120
"""Connections to PostgreSQL of one process with Temporal's four roles."""
MIN_PROCESSES = 2


def write() -> None:
    FILE.write_text(text())


def text() -> str:
    """The whole page."""
    costs = all_costs()
    return TEMPLATE.read_text().format_map({"factor": f"{factor(embedded()):.1f}", **tables(costs), **example(costs)})


def embedded() -> dict[str, Cost]:
    """What the benchmark measured: Temporal on SQLite, in one process."""
    rows = BENCHMARK.read_text().partition(TABLE)[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {unit: Cost(float(server), 0, float(worker), float(gateway)) for unit, server, worker, gateway, *_ in cells}


def factor(measured: dict[str, Cost]) -> float:
    """How much more CPU Temporal and PostgreSQL use together than Temporal on SQLite, for a trip."""
    return sum(MEASURED[TRIP]) / measured[TRIP].temporal


def all_costs() -> dict[str, Cost]:
    """Every unit on PostgreSQL: measured there, or the embedded server's CPU by `factor`, divided as a trip's."""
    of_embedded = embedded()
    more, (temporal, postgresql) = factor(of_embedded), MEASURED[TRIP]
    share = temporal / (temporal + postgresql)

    def servers(unit: str, cost: Cost) -> tuple[float, float]:
        return MEASURED.get(unit) or (cost.temporal * more * share, cost.temporal * more * (1 - share))

    return {unit: Cost(*servers(unit, cost), cost.workers, cost.gateway) for unit, cost in of_embedded.items()}


def tables(costs: dict[str, Cost]) -> dict[str, str]:
    by_unit = [
        f"| {unit} | {' | '.join(map(number, cost.parts))} | {number(cost.total)} | {number(1000 / cost.total)} | "
        f"{'measured' if unit in MEASURED else 'estimated'} |"
        for unit, cost in costs.items()
    ]
    alone = [
        f"| {unit} | {' | '.join(number(10 * part) for part in cost.parts)} | {number(10 * cost.total)} |"
        for unit, cost in costs.items()
    ]
    return {"by_unit": "\n".join(by_unit), "alone": "\n".join(alone)}


def example(costs: dict[str, Cost]) -> dict[str, str]:
    """The figures of the worked example."""
    cores = {unit: [part * rate / 1000 for part in costs[unit].parts] for unit, rate in MIX.items()}
    rows = [f"| {unit} | {rate:,} | {' | '.join(map(number, cores[unit]))} |" for unit, rate in MIX.items()]
    sums = [sum(column) for column in zip(*cores.values(), strict=True)]
    temporal, postgresql, workers, gateways = sums
    worker_processes, gateway_processes = _processes(workers), _processes(gateways)
    settings = Settings.model_fields
    connections = settings["database_connections"].default
    cached = settings["cached_workflows"].default
    ours = (worker_processes + gateway_processes) * connections
    return {
        "mix": "\n".join([*rows, f"| together | {sum(MIX.values()):,} | {' | '.join(map(number, sums))} |"]),
        "records": f"{MIX['record, 50 keys']:,}",
        "rate": f"{sum(MIX.values()):,}",
        "busy": f"{BUSY:.0%}",
        "temporal_cores": str(math.ceil(temporal / BUSY)),
        "postgresql_cores": str(math.ceil(postgresql / BUSY)),
        "workers": str(worker_processes),
        "gateways": str(gateway_processes),
        "connections": str(connections),
        "our_connections": str(ours),
        "temporal_connections": str(TEMPORAL_CONNECTIONS),
        "max_connections": str(_round_up(ours + TEMPORAL_CONNECTIONS, 100)),
        "waiting": number(sum(MIX[unit] * wait for unit, wait in WAITS.items())),
        "max_waiting": f"{settings['max_connections'].default // 2:,}",
        "consumer_rate": number(1000 / costs["record, 50 keys"].workers),
        "consumers": str(_processes(cores["record, 50 keys"][2])),
        "partitions": str(2 * _processes(cores["record, 50 keys"][2])),
        "cached": f"{cached:,}",
        "cache_memory": number(0.8 * cached),
        "gateway_memory": str(SERVER_MEMORY["gateway"]),
        "worker_memory": str(SERVER_MEMORY["worker"]),
        "temporal_memory": str(SERVER_MEMORY["Temporal"]),
        "kafka_memory": str(SERVER_MEMORY["Kafka"]),
        "kafka_bytes": str(settings["kafka_memory_bytes"].default // 1024**2),
    }


def _processes(cores: float) -> int:
    """Processes of one core each; two at least, so that one may fail."""
    return max(MIN_PROCESSES, math.ceil(cores / BUSY))


def _round_up(value: int, step: int) -> int:
    return math.ceil(value / step) * step


def number(value: float) -> str:
    """With two significant digits: the measurements have no more."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.1e}")
    digits = 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(digits, 0)}f}"


if __name__ == "__main__":
    write()
