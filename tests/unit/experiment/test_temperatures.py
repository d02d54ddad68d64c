"""A list of temperatures is a benchmark for each: in the plan, the keys, the stages that name it, and the report."""

import copy

import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import benchmark_presets, config, plan, validate
from reports.data.results import temperatures_of_one
from tests.unit.experiment.test_config import GOOD


def raw(temperature, **stage):
    made = copy.deepcopy(yaml.safe_load(GOOD))
    made["benchmarks"]["test"]["temperature"] = temperature
    made["stages"]["arm"] |= stage
    return made


def keys(made, directory):
    experiment = config.parse(made)
    validate.check(experiment)
    return {each.record.benchmark: each.record.key for each in plan.plan(experiment, directory).evaluations}


def test_each_temperature_is_a_benchmark_with_its_own_key_and_other_keys_stay(tmp_path):
    (name, lone), *others = keys(raw(0.6), tmp_path).items()
    several = keys(raw([0.6, 1.0, 1.4]), tmp_path)
    assert name == "test" and not others
    assert list(several) == ["test-t0.6", "test-t1", "test-t1.4"]
    assert len({lone, *several.values()}) == 4
    without = raw(1.0)
    without["benchmarks"]["other"] = without["benchmarks"]["test"] | {"max_response": 7}
    with_list = copy.deepcopy(without)
    with_list["benchmarks"]["test"]["temperature"] = [1.0, 1.2]
    assert keys(without, tmp_path)["other"] == keys(with_list, tmp_path)["other"]


def test_a_parsed_experiment_written_again_is_the_same():
    once = config.parse(raw([0.6, 1.0]))
    assert config.parse(once.model_dump(mode="json", by_alias=True, exclude_defaults=True)) == once


def test_a_stage_names_all_temperatures_by_the_benchmark():
    made = config.parse(raw([1.0, 0.6], evaluate_every=1, evaluate_on=["test"]))
    assert made.stages["arm"].evaluate_on == ("test-t1", "test-t0.6")
    validate.check(made)


def test_two_benchmarks_of_one_name_are_refused():
    made = raw([1.0, 0.6])
    made["benchmarks"]["test-t1"] = made["benchmarks"]["test"] | {"temperature": 1.0}
    with pytest.raises(ConfigError, match=r"^benchmarks\.test\.temperature: test-t1 is also a benchmark; rename"):
        config.parse(made)


def test_the_command_takes_temperatures_of_named_benchmarks(tmp_path):
    made = benchmark_presets.experiment(str(tmp_path), ["gsm8k", "math500"], temperature=[0.6, 1.0])
    assert [(name, each.temperature) for name, each in made.benchmarks.items()] == [
        ("gsm8k-t0.6", 0.6), ("gsm8k-t1", 1.0), ("math500-t0.6", 0.6), ("math500-t1", 1.0),
    ]  # fmt: skip
    one = benchmark_presets.experiment(str(tmp_path), ["gsm8k"], temperature=[0.6])
    assert [(name, each.temperature) for name, each in one.benchmarks.items()] == [("gsm8k", 0.6)]


def test_temperatures_of_one_benchmark_are_no_part_of_the_mean_of_all():
    base = {"problems": "a", "samples": 8, "temperature": 1.0}
    benchmarks = {"x-t1": base, "x-t2": base | {"temperature": 2.0}, "y": base | {"problems": "b"}, "z": {}}
    assert temperatures_of_one(benchmarks) == {"x-t1", "x-t2"}
    assert temperatures_of_one({"x": base, "again": base}) == set()
