"""Plays the scenes one after the other, whatever becomes of each."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from devstack.demo.narrator import Narrator
from devstack.demo.scenes import Scene
from devstack.demo.stage import Stage, Unexpected
from devstack.stack import Stack

_ANSWER_WITHIN_SECONDS = 30


async def play(scenes: Mapping[str, Scene], stage: Stage, narrator: Narrator) -> bool:
    """Tell whether every scene went right."""
    results: dict[str, tuple[bool, float]] = {}
    for number, (title, scene) in enumerate(scenes.items(), 1):
        narrator.title(f"{number}. {title}")
        began = time.monotonic()
        went_right = await _went_right(scene, stage, narrator)
        results[title] = (went_right, time.monotonic() - began)
    narrator.summary(results)
    return all(went_right for went_right, _ in results.values())


async def _went_right(scene: Scene, stage: Stage, narrator: Narrator) -> bool:
    try:
        await scene(stage)
    except (Unexpected, LookupError, TypeError) as error:
        narrator.wrong(str(error) if isinstance(error, Unexpected) else f"cannot read the answer: {error!r}")
        return False
    except (httpx2.HTTPError, KafkaError) as error:
        narrator.wrong(f"expected an answer, came {error!r}")
        return False
    return True


@asynccontextmanager
async def open_stage(stack: Stack, narrator: Narrator) -> AsyncIterator[Stage]:
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap)
    await producer.start()
    try:
        async with httpx2.AsyncClient(base_url=stack.gateway_url, timeout=_ANSWER_WITHIN_SECONDS) as http:
            yield Stage(http, producer, narrator)
    finally:
        await producer.stop()
