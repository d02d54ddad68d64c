"""Sets of a stage's rollouts in an experiment: who may use them, and what is in the keys."""

import copy

import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config, plan, rollout_sets
from passk.experiment.rehearsal import rehearsal
from passk.experiment.validate import check
from tests.unit.each import every
from tests.unit.experiment.test_config import GOOD

NEXT = {"from": "arm", "problems": "failed"}


def raw(spec=(), **stage):
    experiment = copy.deepcopy(yaml.safe_load(GOOD))
    experiment["problems"]["failed"] = {"source": "rollouts", "stage": "arm", "pass_rate": [0, 0.5]} | dict(spec)
    experiment["stages"]["next"] = {**experiment["stages"]["arm"], **NEXT, **stage}
    return experiment


def refusal(content) -> str:
    with pytest.raises(ConfigError) as error:
        check(config.parse(content))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_stage_may_train_on_what_an_ancestor_failed_alone_or_in_a_mix(tmp_path):
    check(config.parse(raw()))
    mixed = raw(problems=None, mix={"train": 2, "failed": 1})
    check(config.parse(mixed))
    mixed["stages"]["last"] = {**mixed["stages"]["next"], "from": "next"}
    check(config.parse(mixed))


@every(
    ("content", "line"),
    [
        (raw(**{"from": "warm"}), "stages.next.problems: failed is made of the rollouts of arm, from which next does"),
        (raw({"stage": "next"}), "stages.next.problems: failed is made of the rollouts of next, from which next"),
        (raw({"stage": "arms"}), "problems.failed.stage: stage 'arms' does not exist; did you mean arm?"),
        (raw({"stage": "warm"}), "problems.failed.stage: warm is an sft stage, which has no rollouts; name an rl"),
        (raw({"pass_rate": [1, 0]}), "problems.failed.pass_rate: 1 to 0 is no range of shares;"),
    ],
)
def test_a_set_that_no_run_could_make_is_refused(content, line):
    assert refusal(content).startswith(line)


def test_a_stage_that_drops_groups_has_not_all_rollouts_and_is_refused():
    content = raw()
    content["stages"]["arm"]["filter_groups"] = True
    assert refusal(content).startswith("problems.failed.stage: arm has filter_groups, and the rollouts")


def keys(content, tmp_path):
    laid_out = plan.plan(config.parse(content), tmp_path)
    return {planned.record.name: planned.record for planned in laid_out.stages}


def test_the_key_has_the_stage_by_what_it_trains_and_not_by_its_name(tmp_path):
    first = keys(raw(), tmp_path)
    assert first["next"].problems != first["arm"].problems
    other = raw()
    other["stages"]["arm"]["lr"] = 2e-4
    assert keys(other, tmp_path)["next"].problems != first["next"].problems
    wider = keys(raw({"pass_rate": [0, 0.6]}), tmp_path)
    assert wider["arm"].key == first["arm"].key and wider["next"].key != first["next"].key
    renamed = raw({"stage": "pass4"})
    names = {"warm": "warm", "arm": "pass4", "next": "next"}
    renamed["stages"] = {names[name]: stage for name, stage in renamed["stages"].items()}
    renamed["stages"]["next"]["from"] = "pass4"
    assert keys(renamed, tmp_path)["next"].key == first["next"].key


def test_other_sets_keep_their_fingerprints_and_the_set_its_stages_verifier(tmp_path):
    plain = keys(yaml.safe_load(GOOD), tmp_path)
    assert keys(raw(), tmp_path)["arm"].key == plain["arm"].key
    assert rollout_sets.verifiers(config.parse(raw()), ["failed", "train"]) == {"maze"}
    assert rollout_sets.verifiers(config.parse(raw({"make": "verify"})), ["failed"]) == {"exact"}


def test_a_rehearsal_takes_every_problem_since_its_model_solves_none():
    small = rehearsal(config.parse(raw({"pass_rate": [0.2, 0.5]})), cores=1)
    assert small.problems["failed"].pass_rate == (0.0, 1.0)
    check(small)
