"""The rehearsal of every shipped experiment is a small valid experiment with the same graph."""

from pathlib import Path

import pytest

from passk.experiment import config, validate
from passk.experiment.plan import plan
from passk.experiment.rehearsal import PROBLEMS, RESPONSE, SAMPLES, changes, longest, rehearsal
from passk.files.layout import REHEARSALS
from tests.unit.experiment.test_config import changed

ROOT = Path(__file__).parents[3]
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.yaml"))
KEPT = {"kind", "from", "problems", "options", "evaluate_on", "evaluate", "temperature", "top_p", "clip"}
KEPT |= {
    "kl",
    "loss",
    "importance_correction",
    "openrlhf",
    "entropy_coef",
    "false_positive_rate",
    "betas",
    "weight_decay",
    "max_norm",
    "lr",
}


def rehearsed(experiment: config.Experiment, cores: int = 2, **options) -> config.Experiment:
    return rehearsal(experiment, cores=cores, model="/stand-in", trackers="file:///mlflow", **options)


@pytest.mark.parametrize("cores", [1, 2, 8])
@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_a_rehearsal_is_valid_and_small_and_has_the_graph_of_its_experiment(file, cores, tmp_path):
    real = config.load(file)
    small = rehearsed(real, cores)
    validate.check(small)
    assert (small.rehearses, small.compute.profile) == (real.name, "cpu")
    assert list(small.stages) == list(real.stages) and list(small.benchmarks) == list(real.benchmarks)
    for name, stage in real.stages.items():
        one, other = (each.model_dump(by_alias=True) for each in (stage, small.stages[name]))
        assert {field: one[field] for field in KEPT & one.keys()} == {
            field: other[field] for field in KEPT & one.keys()
        }
        assert other["steps"] <= 10 and other.get("max_response", 0) <= RESPONSE
        if stage.kind == "rl":
            ks = [k for _, k in stage.k.within(stage.steps)]
            assert [k for _, k in small.stages[name].k.within(other["steps"])] == ks, "every k of the schedule"
            assert small.stages[name].advantage.names == stage.advantage.names, "every estimator of the schedule"
    for name, spec in real.problems.items():
        one, other = spec.model_dump(exclude={"size"}), small.problems[name].model_dump(exclude={"size"})
        assert one == other and small.problems[name].size <= PROBLEMS[spec.split]
    assert all(benchmark.samples <= SAMPLES for benchmark in small.benchmarks.values())
    assert small.compute.gpus_per_node <= cores and small.compute.engines <= cores
    assert small.compute.zero_stage == real.compute.zero_stage
    laid_out = plan(small, tmp_path / "runs")
    assert laid_out.store.parent == tmp_path / "runs" / REHEARSALS


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_no_key_of_a_rehearsal_is_that_of_a_run(file, tmp_path):
    small = rehearsed(config.load(file))
    run = small.model_copy(update={"rehearses": None})
    one, other = (plan(each, tmp_path) for each in (small, run))
    keys = [{each.record.key for each in (*laid_out.stages, *laid_out.evaluations)} for laid_out in (one, other)]
    assert len(keys[0]) == len(keys[1]) > 0 and not keys[0] & keys[1]


def test_every_field_that_differs_is_listed_once_with_its_reason():
    real = config.load(ROOT / "experiments" / "qwen2.5-7b-maze.yaml")
    small = rehearsed(real)
    listed = changes(real, small)
    fields = [change.field for change in listed]
    assert len(fields) == len(set(fields))
    assert {"model.path", "compute.profile", "compute.colocate", "stages.pass4.steps", "problems.test-7.size"} <= set(
        fields
    )
    by_field = {change.field: change for change in listed}
    assert by_field["compute.gpus_per_node"].real == "8"
    assert by_field["compute.gpus_per_node"].rehearsed == "2"
    assert all(change.reason for change in listed)
    assert changes(real, real) == []


def test_bounds_of_the_base_model_are_left_out_and_the_page_says_so():
    raw = changed("model", {"path": "owner/name"})
    raw["require"] = {"base": {"benchmark": "test", "pass_at_8": [0.05, 0.95]}}
    real = config.parse(raw)
    validate.check(real)
    small = rehearsed(real)
    validate.check(small)
    assert small.require is None
    [reason] = {change.reason for change in changes(real, small) if change.field.startswith("require")}
    assert reason == "a model with random weights meets no bound"


def test_two_experiments_with_a_long_common_start_have_two_rehearsals():
    names = {rehearsed(config.parse(changed("name", "a" * 63 + end))).name for end in "bc"}
    assert len(names) == 2 and all(len(name) == 64 and name.startswith("rehearsal-aaa") for name in names)
    assert rehearsed(config.parse(changed("name", "short"))).name == "rehearsal-short"


def test_dynamic_batches_packing_and_zero_3_stay():
    small = rehearsed(config.load(ROOT / "experiments" / "qwen2.5-7b-maze.yaml"))
    compute = small.compute
    assert (compute.zero_stage, compute.packing, compute.gradient_checkpointing) == (3, True, True)
    assert compute.max_tokens_per_gpu == max(s.max_prompt + s.max_response for s in small.stages.values())
    assert longest(small) >= compute.max_tokens_per_gpu


def test_a_model_with_its_own_tokenizer_keeps_its_longest_prompt():
    real = config.load(ROOT / "experiments" / "qwen2.5-7b-maze.yaml")
    assert rehearsed(real, own_tokenizer=True).stages["pass1"].max_prompt == 1024
    assert rehearsed(real).stages["pass1"].max_prompt == 8 * 1024


def test_a_schedule_keeps_every_k_and_a_condition_fits_into_the_steps():
    raw = changed("stages.arm.k", {"from": 4, "to": 1, "every": 100})
    raw["stages"]["arm"] |= {"steps": 1000, "until": {"metric": "reward", "above": 0.9}, "rollouts_per_prompt": 64}
    raw["stages"]["arm"] |= {
        "evaluate_every": 50, "evaluate_last": 9, "keep_best": {"benchmark": "test", "k": 8, "select_on_test": True},
        "advantage": {1: "passk_analytical", 150: "passk_bootstrap", 350: "passk_analytical"},
    }  # fmt: skip
    validate.check(config.parse(raw))
    raw["trackers"] = {"mlflow": {"experiment": "a", "uri": "http://127.0.0.1:5000"}}
    small = rehearsed(config.parse(raw))
    arm = small.stages["arm"]
    assert arm.k.changes == ((1, 4), (2, 3), (4, 2), (5, 1))
    assert arm.advantage.changes == ((1, "passk_analytical"), (3, "passk_bootstrap"), (6, "passk_analytical"))
    assert (arm.steps, arm.until.window, arm.evaluate_every, arm.rollouts_per_prompt) == (6, 6, 1, 8)
    assert (arm.evaluate_last, arm.keep_best.k) == (6, 1)
    assert small.trackers.mlflow.uri == "file:///mlflow"


def test_a_penalty_for_long_responses_and_a_patience_fit_into_the_rehearsal():
    raw = changed("stages.arm.overlong", {"buffer": 24, "penalty": 0.5})
    raw["stages"]["arm"] |= {"advantage": "grpo", "k": 1, "max_response": 32, "steps": 99, "evaluate_every": 5}
    raw["stages"]["arm"]["stop_when"] = {"benchmark": "test", "evaluations": 9, "select_on_test": True}
    real = config.parse(raw)
    validate.check(real)
    small = rehearsed(real)
    validate.check(small)
    arm = small.stages["arm"]
    assert (arm.overlong.buffer, arm.overlong.penalty, arm.max_response) == (RESPONSE, 0.5, RESPONSE)
    assert (arm.stop_when.evaluations, arm.steps) == (2, 2)
    reasons = {change.field: change.reason for change in changes(real, small)}
    assert reasons["stages.arm.overlong.buffer"] == "short responses"
