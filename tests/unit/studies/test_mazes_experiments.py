"""Regimes differ only as documented, and methods only in the estimator and its k."""

from pathlib import Path

import pytest

from passk.experiment import config
from passk.experiment.plan import plan
from passk.experiment.validate import check
from reports.data.methods import methods, nodes
from studies.mazes.study import MAIN, regime_of

ROOT = Path(__file__).parents[3]
EXPERIMENTS = ROOT / "studies" / "mazes" / "experiments"
FILES = sorted(EXPERIMENTS.glob("study-*.yaml"))
SIZES = {
    **dict.fromkeys(("trap", "collapse", "control"), (600, 32, 2e-4)),
    "trap-long": (1200, 32, 1e-4),
    **dict.fromkeys(("maze9", "equations"), (300, 16, 2e-4)),
}
"""Regime -> rl steps of a method, problems of a step, learning rate."""


@pytest.fixture(scope="module")
def study():
    return {file.stem: config.load(file) for file in FILES}


def keys(experiment, tmp_path):
    return {planned.record.name: planned.record.key for planned in plan(experiment, tmp_path).stages}


def test_there_is_a_file_for_each_regime(study):
    assert {regime_of(name) for name in study} == set(SIZES)
    assert all(experiment.name == name for name, experiment in study.items())
    for experiment in study.values():
        check(experiment)


def test_all_methods_have_as_many_steps_and_rollouts_on_the_same_problems_from_the_same_warm_start(study):
    for name, experiment in study.items():
        steps, prompts, lr = SIZES[regime_of(name)]
        stages = {key: stage.model_dump(mode="json", by_alias=True) for key, stage in experiment.stages.items()}
        chains = methods(nodes(stages))
        assert {method.name for method in chains} >= set(MAIN), name
        for method in chains:
            own = [experiment.stages[node.name] for node in method.rl]
            assert (method.warm_start, sum(stage.steps for stage in own)) == ("warm", steps), (name, method.name)
            assert {(s.problems, s.prompts_per_step, s.rollouts_per_prompt, s.lr) for s in own} == {
                ("training", prompts, 16, lr)
            }
        assert experiment.problems["training"].size == steps * prompts, "every problem is fresh"


def test_every_split_has_200_problems_and_32_samples_of_each(study):
    for experiment in study.values():
        assert set(experiment.benchmarks) == {"easy", "hard", "ood"}
        for benchmark in experiment.benchmarks.values():
            assert benchmark.samples == 32 and set(benchmark.k) >= {1, 8}
            assert experiment.problems[benchmark.problems].size == 200


def test_further_methods_collapse_and_the_long_trap_train_nothing_again_that_the_trap_has(study, tmp_path):
    trap, more = keys(study["study-trap"], tmp_path), keys(study["study-trap-more"], tmp_path)
    assert {name: more[name] for name in trap} == trap and set(more) - set(trap) == {"passk_all", "anneal"}
    collapse, control = keys(study["study-collapse"], tmp_path), keys(study["study-control"], tmp_path)
    assert collapse["warm"] == trap["warm"] and collapse["pass1"] != trap["pass1"]
    long = keys(study["study-trap-long"], tmp_path)
    assert long["warm"] == trap["warm"] and long["passk"] != trap["passk"]
    assert control["warm"] != trap["warm"]


@pytest.mark.parametrize("name", ["maze-grpo", "maze-passk"])
def test_the_demos_methods_as_experiments_of_their_own_train_nothing_again(name, tmp_path):
    demo, own = (keys(config.load(ROOT / "experiments" / f"{each}.yaml"), tmp_path) for each in ("maze-cpu", name))
    assert own.items() <= demo.items()


def test_annealing_ends_at_k_1(study):
    ramp = study["study-trap-more"].stages["anneal"].k
    steps, *_ = SIZES["trap"]
    assert (ramp.at(1), ramp.at(steps)) == (8, 1)
    assert len(ramp.within(steps)) == 8


def test_the_gpus_version_is_the_trap_with_a_larger_model_and_larger_mazes(study, tmp_path):
    large, trap = config.load(EXPERIMENTS / "trap-large.yaml"), study["study-trap"]
    check(large)
    assert keys(large, tmp_path).keys() == keys(trap, tmp_path).keys()
    assert large.problems["training"].width == 9 and large.problems["demonstrations"].easy_fraction == 1
    for name, stage in large.stages.items():
        same = ("kind", "advantage", "k", "parent", "problems") if stage.kind == "rl" else ("kind", "problems")
        assert all(getattr(stage, field) == getattr(trap.stages[name], field) for field in same)
    assert 10 < weights(large.model.tiny) / weights(trap.model.tiny) < 50


def weights(tiny) -> int:
    """Return the weights of the layers; those of the dozen tokens are negligible."""
    return tiny.layers * (4 * tiny.hidden_size**2 + 3 * tiny.hidden_size * tiny.feed_forward)
