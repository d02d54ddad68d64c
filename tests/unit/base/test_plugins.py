"""The installed packages are scanned once a process, however often an experiment is planned."""

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from passk import verifiers
from passk.advantage import registry
from passk.base import plugins
from passk.base.errors import PasskError
from passk.experiment import config
from passk.experiment.plan import plan
from tests.unit.experiment.test_config import changed


@pytest.fixture
def scans(monkeypatch):
    """Number of scans; `scans.found`: what they find."""
    caches = (plugins.scan, registry._locations, registry.get, verifiers._locations, verifiers.load)

    def forget():
        for cached in caches:
            cached.cache_clear()

    class Scans(list):
        found = EntryPoints()

    counted = Scans()
    monkeypatch.setattr(plugins, "entry_points", lambda: counted.append("scan") or counted.found)
    forget()
    yield counted
    forget()


def test_plans_of_two_experiments_scan_once(scans, tmp_path):
    for name in ("one", "two"):
        assert plan(config.parse(changed("name", name)), tmp_path / "runs").stages
    assert scans == ["scan"]


def test_two_packages_with_one_name_are_refused_and_each_group_has_its_own_names(scans):
    scans.found = EntryPoints(
        [EntryPoint("a", "one", "passk.any"), EntryPoint("a", "two", "passk.any"), EntryPoint("b", "three", "other")]
    )
    with pytest.raises(PasskError, match="^any: a is both one and two; uninstall or rename one of them$"):
        plugins.locations("passk.any", "any", {})
    assert plugins.locations("other", "any", {"c": "ours"}) == {"c": "ours", "b": "three"}
    assert plugins.package("other", "b") == "three" and plugins.package("other", "a") is None
    assert scans == ["scan"]


def test_a_lack_of_memory_in_an_import_is_not_called_a_fault_of_the_module(tmp_path, monkeypatch):
    (tmp_path / "without_memory.py").write_text("raise MemoryError\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MemoryError):
        plugins.imported("without_memory", "verifier", "bad")
