"""A cluster with too few GPUs: a line while nodes may still join, and one that ends the wait."""

import sys
from types import SimpleNamespace

import pytest

from passk.base.errors import ConfigError
from passk.runtime import ray_gpus


@pytest.fixture
def cluster(monkeypatch):
    """A function that sets the number of GPUs at given seconds. Sleeping moves the clock."""
    now, joins = [0.0], {}

    def there() -> dict[str, float]:
        return {"CPU": 8.0, "GPU": max(count for since, count in joins.items() if since <= now[0])}

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(cluster_resources=there))
    monkeypatch.setattr(ray_gpus.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(ray_gpus.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return joins


def test_a_cluster_that_has_them_is_no_wait(cluster, capsys):
    cluster[0] = 3.0
    ray_gpus.wait_for(3)
    ray_gpus.wait_for(0)
    assert capsys.readouterr().out == ""


def test_a_node_that_joins_late_ends_the_wait_and_each_minute_has_a_line(cluster, capsys):
    cluster |= {0: 2.0, 130: 4.0}
    ray_gpus.wait_for(3)
    line = "waiting for nodes: 3 GPUs are needed at once, and the Ray cluster has 2"
    assert capsys.readouterr().out.splitlines() == [line] * 3


def test_too_few_for_good_is_one_line_that_names_the_numbers(cluster):
    cluster[0] = 2.0
    with pytest.raises(ConfigError, match="^compute: 3 GPUs are needed at once, and the Ray cluster has 2; "):
        ray_gpus.wait_for(3)
