from datetime import timedelta
from typing import Any
from unittest.mock import MagicMock

import pytest

from infra.settings import Settings
from workers import pools


def test_every_pool_keeps_as_many_workflows_in_memory_as_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(pools, "Worker", lambda client, **options: made.append(options))
    resources = MagicMock(settings=Settings(cached_workflows=7))
    for pool in pools.POOLS:
        pool.worker(MagicMock(), resources, timedelta(seconds=1))
    assert [options["max_cached_workflows"] for options in made] == [7] * len(pools.POOLS)
