"""What a stage decides by its evaluations: when it stops, which checkpoint it keeps, and what is refused."""

import itertools

import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config, validate
from passk.experiment.plan import plan
from passk.experiment.selection import KeepBest, StopWhen
from passk.experiment.stage_end import Conditions
from passk.experiment.until import Until
from tests.unit.each import every
from tests.unit.experiment.test_config import GOOD


def evaluations(*values: float, benchmark: str = "hard", every: int = 10) -> list[dict]:
    return [
        {"step": every * place, "benchmark": benchmark, "pass_at_k": {"1": {"value": 0.5}, "8": {"value": value}}}
        for place, value in enumerate(values)
    ]


def stopped_after(values: tuple[float, ...], patience: int) -> int | None:
    """The first evaluation after which the last `patience` ones are no better than one before them."""
    for last in range(patience, len(values)):
        before, recent = values[: last - patience + 1], values[last - patience + 1 : last + 1]
        if max(recent) <= max(before):
            return last
    return None


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_a_stage_stops_at_the_first_evaluation_after_which_the_last_ones_are_no_better(patience):
    condition = StopWhen(benchmark="hard", k=8, evaluations=patience)
    for values in itertools.product((0.1, 0.2, 0.3), repeat=5):
        expected = stopped_after(values, patience)
        lines = [*evaluations(*values), *evaluations(*[0.9] * 5, benchmark="easy")]
        assert condition.end(lines) == (None if expected is None else 10 * expected), values
        assert condition.end(lines[::-1]) == condition.end(lines), "the order of the lines does not matter"


def test_the_best_checkpoint_is_the_first_with_the_highest_value_of_its_benchmark_and_k():
    best = KeepBest(benchmark="hard", k=8)
    lines = [*evaluations(0.1, 0.4, 0.4, 0.3), *evaluations(0.0, 0.9, 1.0, benchmark="easy")]
    assert (best.step(lines), best.step(lines[:1]), best.step([])) == (10, 0, None)
    assert KeepBest(benchmark="hard").step(lines) == 0, "pass@1 is 0.5 in each"


def test_one_place_decides_the_end_and_the_first_condition_that_is_met_counts():
    until = Until.model_validate({"metric": "reward", "above": 0.5, "window": 1})
    stop = StopWhen(benchmark="hard", k=8, evaluations=2)
    steps = [{"step": step, "reward": 0.1 if step < 25 else 0.9} for step in range(1, 31)]
    flat = evaluations(0.3, 0.3, 0.3)
    for conditions, end in (
        (Conditions(), None),
        (Conditions(until), 25),
        (Conditions(None, stop), 20),
        (Conditions(until, stop), 20),
    ):
        found = conditions.end(steps, flat)
        assert (found and found.step) == end
        assert conditions.are_met(steps, flat) == (end is not None)
    assert Conditions(until, stop).end(steps, flat[:2]).step == 25
    assert Conditions(None, stop).end(steps, flat).reason == (
        "held-out pass@8 on hard has no new highest value in 2 evaluations"
    )


def raw(benchmark: dict | None = None, **fields) -> dict:
    content = yaml.safe_load(GOOD)
    content["benchmarks"]["held"] = {**content["benchmarks"]["test"], "validation": True} | (benchmark or {})
    content["stages"]["arm"] |= {"steps": 9, "evaluate_every": 2} | fields
    return content


BY_HELD = {"benchmark": "held", "k": 8}


@every("field", ["keep_best", "stop_when"])
@every(
    ("choice", "more", "line"),
    [
        (BY_HELD, {"evaluate_every": None}, "needs evaluations during the training; set evaluate_every"),
        ({"benchmark": "hedl"}, {}, "benchmark: benchmark 'hedl' does not exist; did you mean held?"),
        (BY_HELD, {"evaluate_on": ["test"]}, "benchmark: held is not among evaluate_on; add it there"),
        ({"benchmark": "held", "k": 4}, {}, "k: pass@4 on held is not evaluated during the training; use one of 1, 8,"),
        (BY_HELD, {"evaluate_samples": 4}, "k: pass@8 on held is not evaluated during the training; use one of 1, or"),
        ({"benchmark": "test", "k": 8}, {}, "benchmark: the report compares on test, and a value that the choice has"),
    ],
)
def test_a_choice_without_its_evaluations_or_on_the_test_benchmark_is_refused_in_one_line(field, choice, more, line):
    choice = choice | ({"evaluations": 2} if field == "stop_when" else {})
    content = raw(**{field: choice}, **more)
    if more == {"evaluate_every": None} or "evaluate_on" in more:
        del content["benchmarks"]["held"]["validation"]
    with pytest.raises(ConfigError) as refused:
        validate.check(config.parse(content))
    between = ": " if line.startswith("needs") else "."
    assert str(refused.value).startswith(f"stages.arm.{field}{between}{line}"), refused.value
    assert "\n" not in str(refused.value)


@every(("steps", "every"), [(9, 2), (8, 2), (1, 5), (40, 20)])
def test_a_condition_that_no_evaluations_can_meet_is_refused(steps, every):
    points = sorted({*range(0, steps + 1, every), steps})
    flat = [line | {"step": step} for step, line in zip(points, evaluations(*[0.3] * len(points)), strict=True)]
    for patience in range(1, len(points) + 2):
        content = raw(stop_when=BY_HELD | {"evaluations": patience}, steps=steps, evaluate_every=every)
        if StopWhen(benchmark="hard", k=8, evaluations=patience).end(flat) is not None:
            validate.check(config.parse(content))
        else:
            with pytest.raises(ConfigError, match=r"^stages\.arm\.stop_when\.evaluations: .*; lower it to") as refused:
                validate.check(config.parse(content))
            assert f"lower it to {len(points) - 1} or less" in str(refused.value)


def test_a_choice_of_another_model_than_the_one_that_is_kept_is_refused():
    validate.check(config.parse(raw(keep_best=BY_HELD)))
    with pytest.raises(ConfigError, match=r"^stages\.arm\.keep_best: chooses by evaluations of the weights, and ema"):
        validate.check(config.parse(raw(keep_best=BY_HELD, ema=0.99)))


def test_select_on_test_accepts_the_test_benchmark_and_is_in_no_key(tmp_path):
    chosen = {"benchmark": "test", "k": 8, "evaluations": 2, "select_on_test": True}
    content = raw(stop_when=chosen, keep_best={**BY_HELD, "benchmark": "test", "select_on_test": True})
    validate.check(config.parse(content))
    keys = [stage.record.key for stage in plan(config.parse(content), tmp_path).stages]
    content["stages"]["arm"]["stop_when"]["select_on_test"] = False
    assert [stage.record.key for stage in plan(config.parse(content), tmp_path).stages] == keys


def test_what_decides_the_end_of_a_stage_is_in_its_key(tmp_path):
    def key(benchmark=None, **fields):
        return plan(config.parse(raw(benchmark, **fields)), tmp_path).stages[1].record.key

    stop = {"stop_when": BY_HELD | {"evaluations": 2}}
    plain, stopped = key(), key(**stop)
    assert key(evaluate_every=3) == key({"top_p": 0.5}) == key(keep_best=BY_HELD) == key(evaluate_last=2) == plain
    others = [
        key(**stop, evaluate_every=3),
        key(**stop, evaluate_samples=9),
        key({"top_p": 0.5}, **stop),
        key(stop_when=BY_HELD | {"evaluations": 3}),
    ]
    assert len({plain, stopped, *others}) == 6
    assert key(**stop, evaluate_samples=8) == stopped, "8 is the default, the largest k"


def test_a_validation_benchmark_needs_a_stage_that_uses_it_and_another_benchmark():
    with pytest.raises(ConfigError, match=r"^benchmarks\.held\.validation: no stage is evaluated on it; set evaluate"):
        validate.check(config.parse(raw(evaluate_on=["test"])))
    content = raw()
    content["benchmarks"] = {"held": content["benchmarks"]["held"]}
    with pytest.raises(ConfigError, match=r"^benchmarks\.held\.validation: no benchmark is left that finished stages"):
        validate.check(config.parse(content))


def test_finished_stages_are_not_evaluated_on_a_validation_benchmark(tmp_path):
    laid_out = plan(config.parse(raw()), tmp_path)
    assert {planned.record.benchmark for planned in laid_out.evaluations} == {"test"}
