"""The six patterns on the production stack, over HTTP and Kafka, as `make demo` plays them."""

import io

import httpx2
from aiokafka import AIOKafkaProducer

from devstack.demo.narrator import Narrator
from devstack.demo.play import play
from devstack.demo.scenes import SCENES
from devstack.demo.stage import Stage
from tests.production.stack import ProductionStack


async def test_all_six_patterns_work_as_configured(production: ProductionStack, http: httpx2.AsyncClient) -> None:
    report = io.StringIO()
    narrator = Narrator(report)
    async with AIOKafkaProducer(bootstrap_servers=production.bootstrap) as producer:
        assert await play(SCENES, Stage(http, producer, narrator), narrator), report.getvalue()


async def test_the_gateway_asks_for_a_key(production: ProductionStack) -> None:
    async with httpx2.AsyncClient(base_url=production.gateway_url, timeout=60) as stranger:
        assert (await stranger.get("/subscriptions")).status_code == 401
