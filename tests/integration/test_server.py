"""The Prefect server that a run starts."""

import json
import urllib.request

import pytest
from prefect.context import refresh_global_settings_context

from flows.server import prefect_server


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A directory of Prefect's own, and no server that is configured."""
    with monkeypatch.context() as patched:
        patched.delenv("PREFECT_API_URL", raising=False)
        patched.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
        refresh_global_settings_context()
        yield tmp_path / "prefect"
    refresh_global_settings_context()


def asked(address: str, path: str, content: dict):
    request = urllib.request.Request(
        address + path, json.dumps(content).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def test_each_server_has_a_database_of_its_own_with_all_that_prefect_needs_in_it(home, tmp_path):
    for _ in range(2):
        with prefect_server(tmp_path / "prefect.log") as address:
            assert asked(address, "/flows/count", {}) == 0
            asked(address, "/flows/", {"name": "of this server alone"})
            assert asked(address, "/flows/count", {}) == 1
            assert asked(address, "/block_types/filter", {})
    assert [file.name for file in home.glob("*.db")] == [next(home.glob("passk-empty-*.db")).name]
