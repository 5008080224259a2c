"""Faults in the production stack."""

import asyncio

from tests.chaos.faults import Fault, Kind, kill_and_restart
from tests.production.stack import ProductionStack

POSTGRESQL = "postgresql"
ROLES = ("temporal", "patterns")


async def inject(stack: ProductionStack, fault: Fault) -> None:
    """Return when it is over and everything runs again."""
    if fault.target == POSTGRESQL:
        await _inject_into_postgres(stack, fault)
    elif fault.kind is Kind.KILL:
        await kill_and_restart(stack.processes, fault.target, fault.lasting_seconds)
    else:
        await stack.processes.restart(fault.target)


async def _inject_into_postgres(stack: ProductionStack, fault: Fault) -> None:
    postgres = stack.postgres
    if fault.kind is Kind.PAUSE:
        postgres.pause()
        await asyncio.sleep(fault.lasting_seconds)
        postgres.resume()
    elif fault.kind is Kind.REFUSE:
        await _limit_connections(stack, 0)
        await asyncio.sleep(fault.lasting_seconds)
        await _limit_connections(stack, -1)
    else:
        await asyncio.to_thread(postgres.kill if fault.kind is Kind.KILL else postgres.stop)
        await asyncio.sleep(fault.lasting_seconds)
        await stack.postgres_is_ready()


async def _limit_connections(stack: ProductionStack, limit: int) -> None:
    """Let each role have so many connections, -1 for any number, and end those that it has.

    A role beyond its limit gets the error of a server without free connections (SQLSTATE 53300).
    """
    for role in ROLES:
        await stack.postgres.run(f"ALTER ROLE {role} CONNECTION LIMIT {limit}")
        await stack.postgres.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")
