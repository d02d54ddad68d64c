"""Evaluations of several checkpoints of a stage: planned before it runs, found again when it is finished."""

import json

import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config, validate
from passk.experiment.plan import plan
from passk.files.layout import kept_model, write_json
from passk.models.tiny import make_tiny
from passk.pipeline.evaluation_request import request
from tests.unit.experiment.test_config import GOOD


def experiment(**fields) -> dict:
    raw = yaml.safe_load(GOOD)
    raw["benchmarks"]["held"] = {**raw["benchmarks"]["test"], "validation": True}
    raw["stages"]["arm"] |= {"steps": 50, "save_every": 10, "evaluate_every": 10} | fields
    return raw


def laid_out(tmp_path, **fields):
    return plan(config.parse(experiment(**fields)), tmp_path)


def of_arm(laid):
    return [planned for planned in laid.evaluations if planned.record.checkpoint.startswith("arm")]


def finish(laid, last, best=None, steps=50) -> None:
    """Write what a finished stage has: passk/pipeline/finish.py."""
    planned = laid.stages[1]
    for step in {*last[1:], best} - {None, last[0]}:
        model = kept_model(planned.directory, step)
        model.mkdir(parents=True)
    keep = planned.stage.keep.model_dump(mode="json", exclude_defaults=True, exclude={"best": {"select_on_test"}})
    models = {"keep": keep, "last": last, "best": best}
    write_json(planned.directory / "manifest.json", {"key": planned.record.key, "steps": steps, "models": models})


BEST = {"benchmark": "held", "k": 8}


def test_each_of_the_last_checkpoints_and_the_best_one_has_an_evaluation_of_its_own(tmp_path):
    plain, several = laid_out(tmp_path), laid_out(tmp_path, evaluate_last=3, keep_best=BEST)
    assert [planned.record.key for planned in several.stages] == [planned.record.key for planned in plain.stages]
    [last] = of_arm(plain)
    found = of_arm(several)
    assert [planned.record.checkpoint for planned in found] == ["arm", "arm", "arm", "arm@best"]
    assert found[0].record == last.record, "the last checkpoint's samples are those of an experiment without the field"
    assert len({planned.record.key for planned in found}) == len({planned.record.seed for planned in found}) == 4


def test_a_finished_stage_names_the_model_and_step_of_each_evaluation(tmp_path):
    laid = laid_out(tmp_path, evaluate_last=3, keep_best=BEST)
    finish(laid, [50, 40, 30], best=20)
    make_tiny(laid.experiment.model.tiny, laid.directory / "model", seed=1)
    directory = laid.stages[1].directory
    assert [planned.step for planned in of_arm(laid)] == [None, 40, 30, 20]
    names = ["model", "models/step-000040", "models/step-000030", "models/step-000020"]
    assert [planned.model for planned in of_arm(laid)] == [directory / name for name in names]
    requests = [request(laid, planned) for planned in of_arm(laid)]
    assert [each.evaluation.step for each in requests] == [None, 40, 30, 20]
    assert [each.evaluation.best for each in requests] == [False, False, False, True]
    assert len({json.dumps(each.engine) for each in requests}) == 1, "one engine takes the weights of all of them"


def test_a_stage_that_ends_early_or_with_its_best_model_has_fewer_evaluations(tmp_path):
    until = {"metric": "reward", "above": 0.9}
    laid = laid_out(tmp_path, evaluate_last=4, keep_best=BEST, until=until)
    assert len(of_arm(laid)) == 5
    finish(laid, [13, 10], best=13, steps=13)
    assert [planned.step for planned in of_arm(laid)] == [None, 10]
    assert [planned.step for planned in of_arm(laid_out(tmp_path, evaluate_last=4, keep_best=BEST, until=until))] == [
        None,
        10,
    ]


@pytest.mark.parametrize(
    ("trained", "asked", "line"),
    [
        ({"evaluate_last": 2}, {"evaluate_last": 4}, "evaluate_last: the finished stage has models of 2 checkpoints"),
        ({"evaluate_last": 2}, {"keep_best": BEST}, "keep_best: the finished stage kept no model by this choice"),
        (
            {"evaluate_last": 2, "keep_best": BEST},
            {"keep_best": {"benchmark": "held"}},
            "keep_best: the finished stage kept no model by this choice; remove it, or delete",
        ),
    ],
)
def test_models_that_a_finished_stage_lacks_are_an_error_before_anything_starts(tmp_path, trained, asked, line):
    laid = laid_out(tmp_path, **trained)
    finish(laid, [50, 40], best=20 if "keep_best" in trained else None)
    assert len(of_arm(laid_out(tmp_path))) == 1, "without the field all is as before"
    assert len(of_arm(laid_out(tmp_path, evaluate_last=2))) == 2
    with pytest.raises(ConfigError) as refused:
        laid_out(tmp_path, **asked)
    assert str(refused.value).startswith(f"stages.arm.{line}") and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {"evaluate_last": 6},
            "evaluate_last: 50 steps with a checkpoint every 10 have 5 checkpoints, not 6; lower",
        ),
        ({"evaluate_last": 2, "evaluate": False}, "evaluate_last: has no effect with evaluate: false; remove one of"),
        (
            {"keep_best": BEST, "evaluate": False},
            "keep_best: has no effect with evaluate: false; remove one of the two",
        ),
    ],
)
def test_checkpoints_that_a_stage_cannot_have_are_refused(fields, line):
    with pytest.raises(ConfigError) as refused:
        validate.check(config.parse(experiment(**fields)))
    assert str(refused.value).startswith(f"stages.arm.{line}")


@pytest.mark.parametrize(
    "content",
    [
        {}, {"steps": None}, {"steps": "x"}, {"steps": True}, {"steps": [1]}, {"models": [5]}, {"models": "x"},
        {"models": {"last": 5}}, {"models": {"last": ["x"]}}, {"models": {"best": "x"}}, {"models": {"keep": [1]}},
        {"models": {"keep": {"best": 5}}}, {"prompts": True}, {"steps": float("inf")},
    ],
)  # fmt: skip
def test_a_manifest_of_another_kind_is_one_of_nothing(tmp_path, content):
    until = {"metric": "reward", "below": 0.1}
    laid = laid_out(tmp_path, evaluate_last=2, until=until, filter_groups=True)
    planned = next(each for each in laid.stages if each.record.name == "arm")
    write_json(planned.directory / "manifest.json", content)
    assert (planned.steps, planned.kept, planned.chosen) == (50, ((50,), None), None)
    assert planned.prompts == 50 * planned.stage.prompts_per_step
    assert [each.exists for each in of_arm(laid)] == [each.before_last == 0 for each in of_arm(laid)]
