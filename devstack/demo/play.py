"""Plays the scenes in order. A scene that fails does not stop the next."""

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
    """Return whether every scene passed."""
    results: dict[str, tuple[bool, float]] = {}
    for number, (title, scene) in enumerate(scenes.items(), 1):
        narrator.title(f"{number}. {title}")
        began = time.monotonic()
        passed = await _passes(scene, stage, narrator)
        results[title] = (passed, time.monotonic() - began)
    narrator.summary(results)
    return all(passed for passed, _ in results.values())


async def _passes(scene: Scene, stage: Stage, narrator: Narrator) -> bool:
    try:
        await scene(stage)
    except (Unexpected, LookupError, TypeError) as error:
        narrator.failed(str(error) if isinstance(error, Unexpected) else f"cannot read the answer: {error!r}")
        return False
    except (httpx2.HTTPError, KafkaError) as error:
        narrator.failed(f"expected an answer, got {error!r}")
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
