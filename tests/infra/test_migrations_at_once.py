"""Migrations of one SQLite file that begin at the same time."""

from pathlib import Path

import pytest

from tests.infra.schema import check, upgrade_at_once


@pytest.mark.parametrize("attempt", range(3))
async def test_each_process_succeeds_and_the_file_is_migrated_once(tmp_path: Path, attempt: int) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/patterns.db"
    assert await upgrade_at_once(url) == []
    await check(url)
