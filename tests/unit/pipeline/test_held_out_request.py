"""Which benchmarks a stage is evaluated on during its training, with which samples, and what is refused."""

import json

import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config, validate
from passk.experiment.plan import plan
from passk.pipeline import held_out_request, stages
from tests.unit.each import every
from tests.unit.experiment.test_config import GOOD


def experiment(**fields) -> dict:
    raw = yaml.safe_load(GOOD)
    raw["benchmarks"]["more"] = {**raw["benchmarks"]["test"], "samples": 64, "k": [1, 16]}
    raw["stages"]["arm"] |= fields
    return raw


def laid_out(tmp_path, raw):
    return plan(config.parse(raw), tmp_path)


def test_without_evaluate_every_nothing_is_evaluated_and_the_command_is_the_old_one(tmp_path):
    laid = laid_out(tmp_path, experiment())
    assert [held_out_request.held_out(laid, planned) for planned in laid.stages] == [None, None]


def test_all_benchmarks_are_sampled_for_their_largest_k_unless_the_stage_says_otherwise(tmp_path):
    laid = laid_out(tmp_path, experiment(evaluate_every=2))
    evaluations = held_out_request.held_out(laid, laid.stages[1])
    largest = max(laid.experiment.benchmarks["test"].k)
    assert {name: each.samples for name, each in evaluations.benchmarks.items()} == {"test": largest, "more": 16}
    assert (evaluations.every, evaluations.seed) == (2, laid.experiment.seed)
    for name, each in evaluations.benchmarks.items():
        benchmark = laid.experiment.benchmarks[name]
        assert (each.temperature, each.top_p, each.max_response, each.k) == (
            *(benchmark.temperature, benchmark.top_p, benchmark.max_response),
            benchmark.k,
        )
        assert each.file == str(laid.problems[benchmark.problems])
    fewer = laid_out(tmp_path, experiment(evaluate_every=2, evaluate_on=["more"], evaluate_samples=4))
    [only] = held_out_request.held_out(fewer, fewer.stages[1]).benchmarks.values()
    assert (only.samples, only.k) == (4, (1,))


def test_evaluations_are_on_the_command_line_and_in_no_key(tmp_path):
    without, with_them = (
        laid_out(tmp_path, experiment(**fields)) for fields in ({}, {"evaluate_every": 2, "evaluate_samples": 8})
    )
    assert [each.record.key for each in without.stages] == [each.record.key for each in with_them.stages]
    for laid in (without, with_them):
        (laid.directory / "model").mkdir(parents=True, exist_ok=True)
    words = stages.command(with_them, with_them.stages[1])
    place = words.index("--passk.held_out")
    assert json.loads(words[place + 1])["benchmarks"].keys() == {"test", "more"}
    rest = [*words[:place], *words[place + 2 :]]
    assert rest == stages.command(without, without.stages[1]), "nothing else of the training changes"


def test_the_prompts_of_the_benchmarks_are_checked_before_the_training(tmp_path):
    assert held_out_request.problem_sets(laid_out(tmp_path, experiment())) == set()
    laid = laid_out(tmp_path, experiment(evaluate_every=2, evaluate_on=["more"]))
    assert held_out_request.problem_sets(laid) == {"test"}
    raw = experiment(evaluate_every=2)
    raw["benchmarks"]["more"]["max_response"] = 100
    refused = laid_out(tmp_path, raw)
    fault = r"^stages\.arm\.evaluate_on: more: the prompt of .* raise max_prompt by \d+, or leave the benchmark out$"
    with pytest.raises(ConfigError, match=fault):
        stages.prepare(refused)


@every(
    ("fields", "line"),
    [
        ({"evaluate_on": ["test"]}, "stages.arm.evaluate_on: has no effect without evaluate_every; set it, or remove"),
        ({"evaluate_samples": 4}, "stages.arm.evaluate_samples: has no effect without evaluate_every; set it, or"),
        (
            {"evaluate_every": 1, "evaluate_on": ["tset"]},
            "stages.arm.evaluate_on: benchmark 'tset' does not exist; did",
        ),
        (
            {"evaluate_every": 1, "evaluate_on": ["test", "test"]},
            "stages.arm.evaluate_on: test is listed twice; remove",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_one_line(fields, line):
    with pytest.raises(ConfigError) as refused:
        validate.check(config.parse(experiment(**fields)))
    assert str(refused.value).startswith(line) and "\n" not in str(refused.value)


def test_several_samples_at_temperature_0_are_refused():
    raw = experiment(evaluate_every=1, evaluate_samples=4)
    raw["benchmarks"]["more"] |= {"temperature": 0, "samples": 1, "k": [1]}
    with pytest.raises(ConfigError, match=r"^stages\.arm\.evaluate_samples: at temperature 0 of more all 4 samples"):
        validate.check(config.parse(raw))
    raw["stages"]["arm"]["evaluate_on"] = ["test"]
    validate.check(config.parse(raw))


def test_a_reference_line_is_in_no_key_of_an_evaluation(tmp_path):
    raw = experiment()
    before = [each.record.key for each in laid_out(tmp_path, raw).evaluations]
    raw["benchmarks"]["test"]["reference_line"] = {"value": 0.7, "label": "reward of copying the hint"}
    assert [each.record.key for each in laid_out(tmp_path, raw).evaluations] == before
