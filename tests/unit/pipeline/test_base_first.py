"""The base model is evaluated before the training, and its pass@k may end the run."""

import pyarrow
import pyarrow.parquet
import pytest
import yaml

from passk.base.errors import ConfigError, PasskError
from passk.experiment import config, validate
from passk.experiment.plan import plan
from passk.files.layout import write_json
from passk.pipeline import base_first, stages
from tests.unit.each import every
from tests.unit.experiment.test_config import GOOD


def raw(**require):
    content = yaml.safe_load(GOOD) | {"model": {"path": "owner/name"}}
    return content | ({"require": {"base": {"benchmark": "test", **require}}} if require else {})


def finished(planned, correct: list[int]):
    """Leave an evaluation as a finished one with so many correct samples of each problem."""
    samples = planned.benchmark.samples
    rows = [(f"p{i}", sample < c) for i, c in enumerate(correct) for sample in range(samples)]
    planned.directory.mkdir(parents=True)
    table = pyarrow.table({"problem": [row[0] for row in rows], "correct": [row[1] for row in rows]})
    pyarrow.parquet.write_table(table, planned.directory / "samples.parquet")
    write_json(planned.directory / "manifest.json", {"key": planned.record.key})


def done(planned):
    write_json(planned.directory / "manifest.json", {"key": planned.record.key})


def test_only_the_base_models_evaluations_come_first_and_only_while_stages_remain(tmp_path):
    laid_out = plan(config.parse(raw()), tmp_path)
    assert [planned.record.checkpoint for planned in base_first.remaining(laid_out)] == ["base"]
    for planned in laid_out.stages:
        done(planned)
    assert base_first.remaining(laid_out) == []


@pytest.mark.parametrize(
    ("correct", "bounds", "reason"),
    [
        ([0, 0, 0, 16], [0.2, 0.9], None),  # pass@8 is 1/4
        (
            [0, 0, 0, 0],
            [0.05, 0.95],
            "pass@8 of the base model on test is 0.000, outside of 0.05 to 0.95; choose easier",
        ),
        ([16, 16, 9, 9], [0.05, 0.95], "is 1.000, outside of 0.05 to 0.95; choose harder"),
    ],
)
def test_the_run_ends_outside_of_the_bounds(tmp_path, correct, bounds, reason):
    laid_out = plan(config.parse(raw(pass_at_8=bounds)), tmp_path)
    assert "not known to hold" in base_first.unmet(laid_out)
    finished(laid_out.evaluations[0], correct)
    found = base_first.unmet(laid_out)
    assert found is None if reason is None else reason in found
    for planned in laid_out.stages:
        done(planned)
    assert base_first.unmet(laid_out) is None, "nothing is left to train"


def test_a_requirement_that_cannot_be_checked_is_refused():
    for content, message in (
        (raw(pass_at_17=[0, 0.5]), r"^require.base.pass_at_17: benchmarks.test has 16 samples"),
        (raw(pass_at_8=[0, 0.5]) | {"model": {"tiny": {}}}, r"^require.base: a tiny model has random weights"),
    ):
        with pytest.raises(ConfigError, match=message):
            validate.check(config.parse(content))
    content = raw(pass_at_8=[0, 0.5])
    content["require"]["base"]["benchmark"] = "tset"
    with pytest.raises(ConfigError, match=r"^require.base.benchmark: 'tset' does not exist; did you mean test"):
        validate.check(config.parse(content))
    content["require"]["base"]["benchmark"] = "held"
    content["benchmarks"]["held"] = {**content["benchmarks"]["test"], "validation": True}
    content["stages"]["arm"] |= {"evaluate_every": 1}
    with pytest.raises(ConfigError, match=r"^require.base.benchmark: the base model is not evaluated on held, which"):
        validate.check(config.parse(content))


def test_a_begun_stage_goes_before_one_that_was_not_and_never_before_its_parent(tmp_path):
    content = yaml.safe_load(GOOD)
    content["stages"]["late"] = {**content["stages"]["arm"], "lr": 2.0e-4}
    laid_out = plan(config.parse(content), tmp_path)

    def order():
        return [planned.record.name for planned in sorted(laid_out.stages, key=stages.remaining_share)]

    assert order() == ["warm", "arm", "late"]
    late = laid_out.stages[2]
    (late.directory / "checkpoints" / "step").mkdir(parents=True)
    (late.directory / "metrics.jsonl").write_text('{"step": 1}\n')
    assert order() == ["warm", "arm", "late"], "its parent is not finished"
    done(laid_out.stages[0])
    assert order()[:2] == ["late", "warm"]


@pytest.mark.parametrize("band", [[0, 1], (0.05, 0.95)])
def test_bounds_are_two_shares_the_lower_first(band):
    assert config.parse(raw(pass_at_8=band)).require.base.bounds == {8: tuple(band)}


@every("band", [[1, 1], [0.9, 0.1], [0.5], [0, 1.1], "0", 1, [True, 1], None])
def test_other_bounds_are_refused_in_one_line(band):
    with pytest.raises(ConfigError, match=r"^require\.base.*;") as refusal:
        config.parse(raw(pass_at_8=band))
    assert "\n" not in str(refusal.value)


def test_an_unknown_key_is_named():
    with pytest.raises(ConfigError, match=r"^require.base: unknown key pass_at_0; write benchmark and bounds"):
        config.parse(raw(pass_at_0=[0, 1]))


def test_damaged_samples_of_the_base_model_are_one_line(tmp_path):
    laid_out = plan(config.parse(raw(pass_at_1=[0.1, 0.9])), tmp_path)
    [base] = base_first.remaining(laid_out)
    finished(base, [4])
    (base.directory / "samples.parquet").write_bytes(b"PAR1")
    with pytest.raises(PasskError, match=r"samples.parquet: damaged \(.*\); delete its directory"):
        base_first.unmet(laid_out)
