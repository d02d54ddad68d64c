"""A run's own Ray cluster: on loopback alone, and gone when the run is."""

import time

import pytest

from passk.experiment.compute import Compute
from passk.runtime.ray_cluster import ray_cluster
from tests.processes import command_lines, descendants, listening, living


def test_the_cluster_listens_on_loopback_alone_and_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before = descendants()
    with pytest.raises(KeyboardInterrupt), ray_cluster(Compute(profile="cpu"), tmp_path / "ray.log") as joined:
        assert joined["RAY_ADDRESS"].startswith("127.0.0.1:")
        time.sleep(3)  # the dashboard's agent is the last to listen
        started = [process for process in descendants() if process not in before]
        assert any("raylet" in words[0] for _, words in command_lines(started))
        assert set() < listening(started) <= {"127.0.0.1", "::1"}
        raise KeyboardInterrupt
    assert not living(started)


def test_a_cluster_of_the_users_is_used_and_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "http://10.0.0.1:8265")
    with ray_cluster(Compute(profile="gpu"), tmp_path / "ray.log") as joined:
        assert joined["RAY_ADDRESS"] == joined["RAY_API_SERVER_ADDRESS"] == "http://10.0.0.1:8265"
    assert not (tmp_path / "ray.log").exists()
