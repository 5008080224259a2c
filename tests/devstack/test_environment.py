"""What the stack's processes inherit, and what they do not."""

from pathlib import Path

import pytest

from devstack.data_folder import DataFolder
from devstack.ports import Ports
from devstack.servers import stages


def test_workers_keep_bytecode_and_connect_to_no_other_temporal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("TEMPORAL_API_KEY", "another's")
    monkeypatch.setenv("LANG", "C.UTF-8")
    specs = {spec.name: spec for stage in stages(Ports(), DataFolder(tmp_path), {}) for spec in stage}
    environment = specs["workers"].environment
    assert environment["LANG"] == "C.UTF-8"
    assert not {"PYTHONDONTWRITEBYTECODE", "TEMPORAL_API_KEY"} & set(environment)
