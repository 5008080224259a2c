"""An archive of Kafka's classes belongs to one Java and some jars."""

from pathlib import Path

import pytest

from tests.brokers.class_archive import ClassArchive


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Java of which nothing is known but its file; its `jcmd` is missing."""
    program = tmp_path / "java"
    program.write_text("one")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return program


def test_other_jars_or_another_java_have_another_archive(tmp_path: Path, java: Path) -> None:
    first = ClassArchive(tmp_path, "a.jar")
    assert ClassArchive(tmp_path, "a.jar").file == first.file
    assert ClassArchive(tmp_path, "b.jar").file != first.file
    java.unlink()
    java.write_text("another")
    java.chmod(0o755)
    assert ClassArchive(tmp_path, "a.jar").file != first.file


def test_without_a_jcmd_that_works_there_is_no_archive(tmp_path: Path, java: Path) -> None:
    archive = ClassArchive(tmp_path, "a.jar")
    archive.make(1)
    jcmd = java.with_name("jcmd")
    jcmd.write_text('#!/bin/sh\n: >"$4"\nexit 1\n')
    jcmd.chmod(0o755)
    archive.make(1)
    assert not archive.file.exists()
    jcmd.write_text('#!/bin/sh\n: >"$4"\n')
    archive.make(1)
    assert archive.file.exists()
