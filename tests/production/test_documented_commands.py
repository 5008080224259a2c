"""Commands of docs/production.md that run in a container."""

import re
import shlex

from aiokafka import AIOKafkaConsumer

from tests.compose import ROOT
from tests.production.stack import ProductionStack

RECORD = ("userid7", '{"content": "written by hand", "metadata": "public"}')


async def test_the_producer_writes_a_record_with_its_key_and_warns_of_nothing(production: ProductionStack) -> None:
    page = (ROOT / "docs/production.md").read_text()
    line = re.search(r"^docker exec -it (\S+) (kafka-console-producer .*)$", page, re.MULTILINE)
    assert line is not None
    said = await production.execute(line[1], shlex.split(line[2]), f"{':'.join(RECORD)}\n")
    assert "deprecated" not in said.lower()
    topic = "social-media-posts"
    async with AIOKafkaConsumer(topic, bootstrap_servers=production.bootstrap, auto_offset_reset="earliest") as records:
        async for record in records:
            if record.key.decode() == RECORD[0]:
                assert record.value.decode() == RECORD[1]
                return
