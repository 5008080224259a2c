"""Scheduling tasks: payment events by invoice, and the invoice's state."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import TypeAdapter

from api.gateway import Gateway, PatternRoutes
from api.http.problems import STATE_PROBLEMS
from api.routes.entities import add_entity_routes
from api.routes.handlers import path_key
from domain.patterns import PAYMENT_TRACKER
from domain.payment_tracker import InvoiceState


def routes(gateway: Gateway) -> PatternRoutes:
    invoker = gateway.entity(PAYMENT_TRACKER.service)
    router = APIRouter(tags=[PAYMENT_TRACKER.service])
    add_entity_routes(router, invoker)

    @router.get(f"/{PAYMENT_TRACKER.service}/{{key}}", operation_id="readInvoice", responses=STATE_PROBLEMS)
    async def state(response: Response, key: Annotated[str, Depends(path_key)]) -> InvoiceState:
        """Whether the invoice is paid, how many reminders were sent, and what is due next."""
        response.headers.update(invoker.execution_headers(key))
        return await invoker.query(key, "state", TypeAdapter(InvoiceState))

    return PatternRoutes(router, invoker)
