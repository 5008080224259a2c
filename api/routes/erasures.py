"""Erasure of one person's data: `POST /erasures`."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends

from api.gateway import Gateway
from api.http.body import StrictBody
from api.http.problems import BODY_STATUSES, Problem, responses
from api.invokers.invocation import names_an_execution
from api.invokers.written_ids import read
from api.routes.subscriptions import running_subscriptions
from api.security.access import CurrentCaller, must_reach, needs
from clients.erasure import Deletion, Executions
from domain.access import Caller, Role
from domain.erasure import (
    MAX_NAMES,
    ErasureReport,
    ErasureRequest,
    Outcome,
    StoreReport,
    erased,
    kept_by_others,
    left,
)
from domain.pattern import Entity, Pattern, valid_key
from domain.patterns import PATTERNS
from domain.payment_tracker import PAYMENT_TRACKER
from infra.personal_data import PersonalData

log = logging.getLogger("api")

AT_ONCE = 5
"""Keys that a call erases at the same time: each keeps Temporal and a connection to the database busy."""
TIME_LIMIT = timedelta(seconds=20)
"""After this a call begins with no further key."""
TEMPORAL = "Temporal"
CUSTOMERS = "customers"
_OPEN = "It has not ended. To stop it is a decision of its own: DELETE /invocations/{invocation_id}."
_PENDING = "Its deletion is accepted: Temporal deletes what has only just ended after a while."
_REPEATED = "this call is repeated"
_Keys = list[tuple[Pattern, str]]


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/erasures", tags=["Operations"])

    @routes.post(
        "",
        dependencies=needs(Role.OPERATOR),
        operation_id="erase",
        responses=responses(*BODY_STATUSES, 503),
    )
    async def erase(
        request: Annotated[ErasureRequest, Depends(StrictBody(ErasureRequest))], caller: CurrentCaller
    ) -> ErasureReport:
        """Erase what is stored about one person, and report on each store. It cannot be undone; it can be repeated.

        Open entities end and lose their state; messages that come later begin a new one. Trips, jobs and tasks that
        have not ended are kept.
        """
        keys = _named(request, caller)
        for pattern, _ in keys:
            must_reach(caller, pattern.service)
        if request.customers:
            must_reach(caller, PAYMENT_TRACKER.service)
        erasure = _Erasure(gateway, caller.tenant)
        found, stores = await erasure.invoices(request.customers)
        keys = list(dict.fromkeys([*keys, *found]))
        stores += await erasure.erase(keys)
        services = {pattern.service for pattern, _ in keys}
        async for topic in running_subscriptions(gateway.client, caller.tenant):
            stores += _kept_in_kafka(topic.id, services)
        report = ErasureReport(
            complete=not any(each.outcome is Outcome.KEPT and each.service for each in stores),
            stores=[*stores, *kept_by_others(services)],
        )
        count = sum(each.count for each in stores if each.outcome is Outcome.ERASED)
        log.warning("%r erased %d executions and rows of %d keys.", caller.name, count, len(keys))
        return report

    return routes


class _Erasure:
    """One call: in Temporal first, because what has ended writes no more rows."""

    def __init__(self, gateway: Gateway, tenant: str) -> None:
        self._executions = Executions(gateway.client)
        self._data = PersonalData(gateway.database)
        self._tenant = tenant
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._deadline = asyncio.get_running_loop().time() + TIME_LIMIT.total_seconds()

    async def invoices(self, customers: Iterable[str]) -> tuple[_Keys, list[StoreReport]]:
        """Invoices of customers, at most `MAX_NAMES`; and of which customers there are none, or more."""
        keys: _Keys = []
        stores: list[StoreReport] = []
        for customer in customers:
            room = MAX_NAMES - len(keys)
            invoices = await self._data.invoices_of(customer, self._tenant, room + 1)
            keys += [(PAYMENT_TRACKER.of(self._tenant), invoice) for invoice in invoices[:room]]
            if not invoices:
                stores.append(erased(CUSTOMERS, 0, PAYMENT_TRACKER.service, customer))
            if len(invoices) > room:
                why = f"One call erases {MAX_NAMES} invoices, and there are more."
                stores.append(left(CUSTOMERS, PAYMENT_TRACKER.service, customer, why, _REPEATED))
        return keys, stores

    async def erase(self, keys: _Keys) -> list[StoreReport]:
        await asyncio.gather(*(self._end(*each) for each in keys))
        done = await asyncio.gather(*(self._delete(*each) for each in keys))
        pending = await self._executions.still_there(run for _, deletion in done for run in deletion.deleted)
        stores: list[StoreReport] = []
        for (pattern, key), (reports, deletion) in zip(keys, done, strict=True):
            stores += reports
            if not pending.isdisjoint(deletion.deleted):
                stores.append(left(TEMPORAL, pattern.service, key, _PENDING, "Temporal has done it, within a minute"))
        return stores

    async def _end(self, pattern: Pattern, key: str) -> None:
        async with self._at_once:
            if not self._time_is_over():
                await self._executions.end(pattern, key)

    async def _delete(self, pattern: Pattern, key: str) -> tuple[list[StoreReport], Deletion]:
        async with self._at_once:
            if self._time_is_over():
                why = f"The call ends after {TIME_LIMIT.total_seconds():g} s."
                return [left(TEMPORAL, pattern.service, key, why, _REPEATED)], Deletion()
            deletion = await self._executions.delete(pattern, key)
            reports = [erased(TEMPORAL, len(deletion.deleted), pattern.service, key)]
            if deletion.may_have_more:
                why = "There may be more executions than one call finds."
                reports.append(left(TEMPORAL, pattern.service, key, why, _REPEATED))
            if deletion.still_open:
                until = "it has ended and this call is repeated"
                reports.append(left(TEMPORAL, pattern.service, key, _OPEN, until))
            if not (deletion.may_have_more or deletion.still_open):  # else the rows are in use, or find the rest
                rows = await self._data.erase(pattern, key)
                reports += [erased(table, count, pattern.service, key) for table, count in rows.items()]
            return reports, deletion

    def _time_is_over(self) -> bool:
        return asyncio.get_running_loop().time() > self._deadline


def _named(request: ErasureRequest, caller: Caller) -> _Keys:
    """The keys that the request names. Raises `InvalidKey`, and `Problem` 422 for an unknown service or invocation."""
    patterns = {pattern.service: pattern.of(caller.tenant) for pattern in PATTERNS}
    keys: _Keys = []
    for service, names in request.keys.items():
        if service not in patterns:
            raise _unknown("keys", f"{service[:100]!r} is no service: {', '.join(sorted(patterns))}")
        keys += [(patterns[service], valid_key(name)) for name in names]
    runs = [pattern for pattern in patterns.values() if not isinstance(pattern, Entity)]
    for invocation_id in map(read, request.invocations):
        found = [(each, each.key_of(invocation_id)) for each in runs if names_an_execution(each, invocation_id)]
        if not found:
            raise _unknown("invocations", "an ID is of no task, job or trip: name what belongs to a key under `keys`")
        keys += found
    return keys


def _unknown(field: str, message: str) -> Problem:
    return Problem(422, "invalid-body", f"{field}: {message}", errors=[{"field": field, "message": message}])


def _kept_in_kafka(subscription_id: str, services: Iterable[str]) -> list[StoreReport]:
    """The topics whose records go to one of the services. A subscription's ID names topic and sink."""
    source, _, sink = subscription_id.rpartition("-")
    service = sink.partition(".")[0]
    if service not in services:
        return []
    cluster, _, topic = source.partition(".")
    records = StoreReport(
        store=f"kafka://{cluster}/{topic}",
        outcome=Outcome.KEPT,
        reason="Kafka deletes no single record. Its producers know whose they are.",
        until="the topic's retention ends",
    )
    letters = StoreReport(
        store=f"kafka://{cluster}/{topic}.dead-letter",
        outcome=Outcome.KEPT,
        reason=f"Kafka deletes no single record. GET /subscriptions/{subscription_id}/deadLetters shows the letters.",
        until="kafka-delete-records removes them: this topic has no retention",
    )
    return [records, letters]
