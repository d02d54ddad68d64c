"""prefect.yaml, the flows it names and the forms that their parameters make."""

from pathlib import Path

import pytest
import yaml
from prefect.utilities.importtools import import_object

from flows import checkout
from flows.serve import POOLS
from passk import config

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = {entry["name"]: entry for entry in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}


def flow_of(entry):
    module, _, name = entry["entrypoint"].partition(":")
    return import_object(f"{module.removesuffix('.py').replace('/', '.')}.{name}")


def test_the_deployments_are_there():
    assert set(DEPLOYMENTS) == {"maze-nightly", "qwen2.5-7b-weekly", "evaluate-checkpoint", "study"}
    assert DEPLOYMENTS["qwen2.5-7b-weekly"]["schedules"][0]["active"] is False
    assert DEPLOYMENTS["maze-nightly"]["schedules"][0].get("active", True)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_form_says_what_each_field_is(name):
    entry = DEPLOYMENTS[name]
    schema = flow_of(entry).parameters.model_dump()["properties"]
    assert set(entry.get("parameters", {})) <= set(schema)
    for field, content in schema.items():
        assert content.get("description"), field
        assert content.get("type") or content.get("anyOf"), field


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_runs_on_a_pool_of_its_experiments_profile(name):
    entry = DEPLOYMENTS[name]
    pool = entry["work_pool"]["name"]
    assert pool in POOLS
    if file := entry.get("parameters", {}).get("file"):
        assert config.load(ROOT / file).compute.profile == {"cpu": "cpu", "a100": "gpu"}[pool]


def test_a_worker_runs_its_own_checkout_and_no_path_is_written_down():
    assert checkout.enter() == {"directory": str(ROOT)}
    assert str(ROOT) not in (ROOT / "prefect.yaml").read_text()
