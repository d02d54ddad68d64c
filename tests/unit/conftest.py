"""Fixtures of a run directory and its store (synthetic_run.py), and no plugins of other packages."""

import os
import shutil
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace

import pytest

from passk.base import plugins
from passk.store import rebuild
from tests.unit.parquet_files import Parquet
from tests.unit.synthetic_run import SyntheticRun, write_run

# Estimators and verifiers of other packages that are installed here are no matter of these tests.
INSTALLED = {entry for group in ("passk.advantage", "passk.verifiers") for entry in entry_points(group=group)}


def entry_points_of_tests() -> SimpleNamespace:
    found = entry_points()
    return SimpleNamespace(select=lambda **asked: [each for each in found.select(**asked) if each not in INSTALLED])


plugins.entry_points = entry_points_of_tests


@pytest.fixture(scope="session")
def filed_once(tmp_path_factory: pytest.TempPathFactory) -> SyntheticRun:
    """Only to be copied: the default run with its store."""
    run = write_run(tmp_path_factory.mktemp("once") / "runs")
    assert rebuild(run.runs).skipped == []
    return run


@pytest.fixture
def filed(filed_once: SyntheticRun, tmp_path: Path) -> SyntheticRun:
    """A run that is in its store."""
    shutil.copytree(filed_once.runs, tmp_path / "runs")
    return SyntheticRun(tmp_path / "runs", filed_once.name)


@pytest.fixture
def run(filed: SyntheticRun) -> SyntheticRun:
    """A run of which nothing is in a store yet."""
    filed.store.unlink()
    return filed


@pytest.fixture(scope="session")
def run_factory():
    """`write_run`: a run of another name or size."""
    return write_run


@pytest.fixture
def parquet() -> type[Parquet]:
    return Parquet


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What is put on the disk from now on, by its path, in that order."""
    paths, fsync = [], os.fsync
    file = Path("/proc/self/fd")
    monkeypatch.setattr(os, "fsync", lambda handle: (paths.append((file / str(handle)).readlink()), fsync(handle)))
    return paths
