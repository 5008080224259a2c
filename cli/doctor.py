"""`patterns doctor`: what is wrong with a running system, and what to do about it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import typer

from cli.context import session_of
from cli.gateway import Failed, Gateway
from cli.subscriptions import lag

VERSION = "0.1.0"
ADVICE = {
    ("temporal", "does not answer"): "Temporal hangs or is overloaded: look at its log and its database.",
    ("temporal", "cannot be reached"): "Start Temporal, or correct TEMPORAL_ADDRESS of the gateway.",
    ("temporal", "does not have the namespace"): "Create it: temporal operator namespace create NAMESPACE.",
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
}
_OTHERWISE = "The gateway's log has the reason."


@dataclass(frozen=True)
class Finding:
    """One check. `advice` is empty if nothing is wrong."""

    check: str
    found: str
    advice: str = ""


def doctor(context: typer.Context) -> None:
    """Check Temporal, its namespace and search attributes, the database and its migrations, workers, Kafka and topics.

    Exit code 1 if something is wrong, 3 if the gateway does not answer.
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
        yield Finding(part, state, "" if state == "ok" else ADVICE.get((part, state), _OTHERWISE))
    try:
        subscriptions = gateway.get("/subscriptions")
        failed = gateway.get("/AsyncTaskWorker/deadLetters", limit=1)["deadLetters"]
        stuck = gateway.get("/invocations", service="BookingWorkflow", status="RUNNING", limit=200)["executions"]
    except Failed as refused:
        yield Finding("lists", str(refused), "Call with a key that has the role operator, once the rest is ok.")
        return
    for each in subscriptions:
        yield _subscription(each)
    yield Finding("tasks", "some have failed" if failed else "none has failed", _TASKS if failed else "")
    names = [each["key"] for each in stuck if each["patternStatus"] == "COMPENSATION_STUCK"]
    resolve = f"patterns state BookingWorkflow {names[0]}, then patterns trips resolve" if names else ""
    yield Finding("trips", f"{len(names)} with a stuck compensation", resolve)


_TASKS = "patterns dead-letters list tasks; redrive them once the cause is fixed."


def _readiness(gateway: Gateway) -> dict[str, str]:
    checks: Any
    try:
        checks = gateway.get("/ready")["checks"]
    except Failed as failed:
        checks = failed.problem.get("checks") if isinstance(failed.problem, dict) else None
        if checks is None:
            raise
    return {name: str(state) for name, state in checks.items()}


def _subscription(subscription: dict[str, Any]) -> Finding:
    name, found = f"subscription {subscription['id']}", f"{subscription['status']}, lag {lag(subscription)}"
    if subscription["lastError"]:
        restart = f"patterns subscriptions resume {subscription['id']}" if subscription["status"] == "FAILED" else ""
        return Finding(name, f"{found}: {subscription['lastError']}", f"Fix the cause. {restart}".strip())
    if subscription["status"] == "RUNNING" and not subscription["consumers"]:
        return Finding(name, f"{found}, no consumer", "Start workers of the ingress: python -m workers")
    return Finding(name, found)
