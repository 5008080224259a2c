"""Scheduling tasks: payment events by invoice, and the invoice's state."""

from fastapi import APIRouter

from api.gateway import Gateway, PatternRoutes
from api.routes.entities import add_entity_routes
from domain.payment_tracker import PAYMENT_TRACKER


def routes(gateway: Gateway) -> PatternRoutes:
    invoker = gateway.entity_invoker(PAYMENT_TRACKER)
    router = APIRouter(tags=[PAYMENT_TRACKER.service])
    add_entity_routes(router, gateway, invoker)
    return PatternRoutes(router, invoker)
