"""`patterns doctor`: what is wrong with a running system, and what to do about it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import typer

from cli.context import session_of
from cli.gateway import Failed, Gateway
from cli.subscriptions import lag
from domain.version import VERSION

OK = "ok"
ADVICE = {
    ("temporal", "does not answer"): "Temporal hangs or is overloaded: look at its log and its database.",
    ("temporal", "cannot be reached"): "Start Temporal, or correct TEMPORAL_ADDRESS of the gateway.",
    ("temporal", "does not have the namespace"): "Create it: temporal operator namespace create NAMESPACE.",
    (
        "temporal",
        "cannot be used",
    ): "It refuses the gateway: look at TEMPORAL_API_KEY, at TLS, and at the gateway's log.",
    ("temporal", "lacks search attributes"): (
        "Create them: temporal operator search-attribute create --type Keyword "
        "--name Pattern --name PatternKey --name PatternStatus"
    ),
    ("database", "does not answer"): "The database hangs: look for locks (pg_stat_activity) and at its host.",
    ("database", "cannot be reached"): "Start it, or correct DATABASE_URL of the gateway.",
    ("database", "is not migrated"): "Run: python -m alembic upgrade head",
    ("database", "is read-only"): "Point DATABASE_URL at the primary, or give the role the right to write.",
    ("database", "is locked or too slow"): "Look for long transactions in pg_stat_activity, and end them.",
    ("database", "refuses the login"): "Correct user and password in DATABASE_URL.",
    ("database", "does not exist"): "Create it: deploy/postgres/roles.sql.",
    (
        "database",
        "refuses access to a table",
    ): "Give the gateway's role the rights to its tables: deploy/postgres/roles.sql.",
    ("database", "has no connection left"): "Raise max_connections, or lower DATABASE_CONNECTIONS of each process.",
    ("database", "is out of resources"): "Free disk space or memory of the database.",
    ("database", "is damaged"): "Stop writers, and restore a backup.",
    ("gateway", "is about to stop"): "Wait, or ask another one.",
    ("task queue", "has no worker"): "Start workers for it: python -m workers",
    ("task queue", "cannot be asked"): "Temporal does not say who polls it: see above.",
    ("workers", "have another version"): "Bring gateway and workers to one version: docs/upgrades.md.",
    ("kafka cluster", "does not answer"): "Start it, or correct KAFKA_CLUSTERS of gateway and workers.",
    ("kafka cluster", "refuses access"): "Correct user, password or certificates in KAFKA_CLUSTERS.",
    ("topic", "does not answer"): "Start its cluster, or correct KAFKA_CLUSTERS of gateway and workers.",
    ("topic", "refuses access"): "Give the user of KAFKA_CLUSTERS the right to describe and read it.",
    ("topic", "does not exist"): "Create it, then: patterns subscriptions resume ID; or delete the subscription.",
}
_OTHERWISE = "The gateway's log has the reason."


@dataclass(frozen=True)
class Finding:
    """One check. `advice` is empty if nothing is wrong."""

    check: str
    found: str
    advice: str = ""


def doctor(context: typer.Context) -> None:
    """Check what the patterns need, and say what is wrong and what to do.

    That is Temporal, its namespace and search attributes, the database and its migrations, workers and their versions,
    Kafka and topics. Exit code 1 if something is wrong, 3 if the gateway does not answer.
    """
    session = session_of(context)
    findings = list(_examine(session.gateway))
    rows = [("wrong" if each.advice else "ok", each.check, each.found, each.advice) for each in findings]
    session.output.table([asdict(each) for each in findings], ("", "CHECK", "FOUND", "WHAT TO DO"), rows, "")
    if wrong := sum(bool(each.advice) for each in findings):
        raise Failed(f"{wrong} of {len(findings)} checks found something wrong.")


def _examine(gateway: Gateway) -> Iterator[Finding]:
    version = gateway.get("/openapi.json")["info"]["version"]
    other = "" if version == VERSION else f"This command line is {VERSION}: use the one of the gateway's version."
    yield Finding("gateway", f"answers, version {version}", other)
    for part, state in _readiness(gateway).items():
        yield Finding(part, state, _advice(part, state))
    try:
        checks = gateway.get("/diagnosis")["checks"]
    except Failed as refused:
        if refused.code != Failed.REFUSED:
            raise
        yield Finding("credentials", str(refused), _CREDENTIALS)
        return
    for each in checks:
        found = f"{each['state']}: {each['detail']}" if each["detail"] else each["state"]
        yield Finding(f"{each['part']} {each['name']}", found, _advice(each["part"], each["state"]))
    try:
        yield from _waiting(gateway)
    except Failed as unavailable:
        if unavailable.code != Failed.REFUSED:
            raise
        yield Finding("lists", str(unavailable), "Once the rest is ok they can be read.")


def _waiting(gateway: Gateway) -> Iterator[Finding]:
    """What waits for an operator."""
    for each in gateway.get("/subscriptions"):
        yield _subscription(each)
    failed = gateway.get("/AsyncTaskWorker/deadLetters", limit=1)["deadLetters"]
    yield Finding("tasks", "some have failed" if failed else "none has failed", _TASKS if failed else "")
    stuck = gateway.get("/BookingWorkflow", patternStatus="COMPENSATION_STUCK", status="RUNNING", limit=1)["executions"]
    resolve = f"patterns state BookingWorkflow {stuck[0]['key']}, then patterns trips resolve" if stuck else ""
    yield Finding("trips", f"{'some have' if stuck else 'none has'} a stuck compensation", resolve)


def _advice(part: str, state: str) -> str:
    return "" if state == OK else ADVICE.get((part, state), _OTHERWISE)


_CREDENTIALS = "Set PATTERNS_KEY, or use a --profile, with a key that has the role operator."
_TASKS = "patterns dead-letters list tasks; redrive them once the cause is fixed."


def _readiness(gateway: Gateway) -> dict[str, str]:
    try:
        answer = gateway.get("/ready")
    except Failed as failed:
        answer = failed.problem
        if not isinstance(answer, dict) or "status" not in answer:
            raise
    if answer["status"] == "draining":
        return {"gateway": "is about to stop"}
    return {name: str(state) for name, state in answer["checks"].items()}


def _subscription(subscription: dict[str, Any]) -> Finding:
    name, found = f"subscription {subscription['id']}", f"{subscription['status']}, lag {lag(subscription)}"
    if subscription["lastError"]:
        restart = f"patterns subscriptions resume {subscription['id']}" if subscription["status"] == "FAILED" else ""
        return Finding(name, f"{found}: {subscription['lastError']}", f"Fix the cause. {restart}".strip())
    if subscription["status"] == "RUNNING" and not subscription["consumers"]:
        return Finding(name, f"{found}, no consumer", "Start workers of the ingress: python -m workers")
    return Finding(name, found)
