"""Parallelizing work: `POST /FanOutWorker/run`."""

from fastapi import APIRouter

from api.gateway import Gateway, PatternRoutes
from api.invokers.workflow import WorkflowInvoker
from api.routes.handlers import HandlerRoute, add_handler_routes
from domain.fan_out import FAN_OUT, Job, JobResult


def routes(gateway: Gateway) -> PatternRoutes:
    invoker = WorkflowInvoker(gateway.client, gateway.web_ui, FAN_OUT, handler="run", progress_query="progress")
    router = APIRouter(tags=[FAN_OUT.service])
    add_handler_routes(router, FAN_OUT, HandlerRoute("run", Job, JobResult, invoker), keyed=False)
    return PatternRoutes(router, invoker)
