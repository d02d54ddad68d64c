"""prefect.yaml, the flows it names and the forms that their parameters make."""

from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import yaml
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.utilities.importtools import import_object

from flows import checkout
from flows.serve import POOLS, switch_back
from passk.experiment import config
from tests.unit.each import every

ROOT = Path(__file__).parents[3]
DEPLOYMENTS = {entry["name"]: entry for entry in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}


def flow_of(entry):
    module, _, name = entry["entrypoint"].partition(":")
    return import_object(f"{module.removesuffix('.py').replace('/', '.')}.{name}")


def test_the_deployments_are_there():
    assert set(DEPLOYMENTS) == {"maze-nightly", "qwen2.5-7b-weekly", "evaluate-checkpoint", "sweep"}
    assert DEPLOYMENTS["qwen2.5-7b-weekly"]["schedules"][0]["active"] is False
    assert DEPLOYMENTS["maze-nightly"]["schedules"][0].get("active", True)


@every("name", DEPLOYMENTS)
def test_a_form_says_what_each_field_is(name):
    entry = DEPLOYMENTS[name]
    schema = flow_of(entry).parameters.model_dump()["properties"]
    assert set(entry.get("parameters", {})) <= set(schema)
    for field, content in schema.items():
        assert content.get("description"), field
        assert content.get("type") or content.get("anyOf"), field


@every("name", DEPLOYMENTS)
def test_a_deployment_runs_on_a_pool_of_its_experiments_profile(name):
    entry = DEPLOYMENTS[name]
    pool = entry["work_pool"]["name"]
    assert pool in POOLS
    if file := entry.get("parameters", {}).get("file"):
        assert config.load(ROOT / file).compute.profile == {"cpu": "cpu", "a100": "gpu"}[pool]


def test_a_worker_runs_its_own_checkout_and_no_path_is_written_down():
    assert checkout.enter() == {"directory": str(ROOT)}
    assert str(ROOT) not in (ROOT / "prefect.yaml").read_text()


def deployed(identity, paused, **active):
    """A deployment as the server tells of it. active: of each schedule, by its slug."""
    nightly = CronSchedule(cron="0 2 * * *")
    schedules = [DeploymentSchedule(id=uuid4(), slug=slug, active=on, schedule=nightly) for slug, on in active.items()]
    return DeploymentResponse(id=identity, name="a", flow_id=uuid4(), paused=paused, schedules=schedules)


@every(
    ("before", "after", "switched"),
    [
        ((True, {"nightly": False}), (False, {"nightly": True}), [("pause",), ("nightly", False)]),
        ((False, {"weekly": True}), (False, {"weekly": False}), [("weekly", True)]),
        ((False, {"nightly": True}), (True, {"nightly": True}), [("resume",)]),
        ((True, {"nightly": False}), (True, {"nightly": False}), []),
        ((False, {"gone": False}), (False, {"new": True}), []),
    ],
)
def test_what_a_person_switched_stays_when_all_is_deployed_again(before, after, switched):
    identity, found = uuid4(), []
    now = deployed(identity, after[0], **after[1])
    slugs = {schedule.id: schedule.slug for schedule in now.schedules}
    client = SimpleNamespace(
        read_deployments=lambda **_: [now, deployed(uuid4(), False, nightly=True)],
        pause_deployment=lambda _: found.append(("pause",)),
        resume_deployment=lambda _: found.append(("resume",)),
        update_deployment_schedule=lambda _, schedule, active: found.append((slugs[schedule], active)),
    )
    switch_back(client, [deployed(identity, before[0], **before[1]), deployed(uuid4(), True)])
    assert found == switched
