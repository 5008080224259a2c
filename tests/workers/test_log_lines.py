"""The log of a worker process whose Temporal server goes: lines of the SDK's core are in it like all others."""

import asyncio
import json
import os
import sys
from pathlib import Path

from tests.dev_server import dev_server
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]


async def test_the_core_of_the_sdk_writes_json_too(tmp_path: Path) -> None:
    file = tmp_path / "log"

    def has(text: str) -> bool:
        return text in file.read_text()

    with file.open("w") as log:
        async with dev_server({}) as environment:
            settings = {
                "LOG_FORMAT": "json",
                "PAYLOAD_ENCRYPTION": "off",
                "TEMPORAL_ADDRESS": environment.client.service_client.config.target_host,
                "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'db'}",
            }
            worker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "workers", "message-queue"),
                cwd=ROOT,
                env=os.environ | settings,
                stdout=log,
                stderr=log,
            )
            await eventually(lambda: has("workers ready"))
        try:
            await eventually(lambda: has("temporalio.core"))
        finally:
            worker.kill()
            await worker.wait()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert "temporalio.core" in {line["logger"] for line in lines}
