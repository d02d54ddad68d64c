"""Benchmarks by name become an experiment without stages; nonsense is refused in one line, nothing written."""

from pathlib import Path

import pytest

from passk.base.errors import ConfigError
from passk.experiment import benchmark_presets, plan, validate

ROOT = Path(__file__).parents[3]
MAZE = ROOT / "experiments" / "maze-cpu.yaml"


@pytest.mark.parametrize("name", benchmark_presets.PRESETS)
def test_each_benchmark_is_a_whole_experiment_with_the_papers_evaluation_settings(tmp_path, name):
    made = benchmark_presets.experiment(str(tmp_path), [name])
    validate.check(made)
    [evaluation] = plan.plan(made, tmp_path).evaluations
    config = evaluation.record.config
    assert (config["samples"], config["temperature"], config["top_p"]) == (32, 1.0, 0.95)
    assert config["k"] == [1, 4, 8, 16, 32]


@pytest.mark.parametrize("name", benchmark_presets.PUZZLES)
def test_a_puzzle_of_reasoning_gym_is_a_benchmark_by_its_name(tmp_path, name):
    made = benchmark_presets.experiment(str(tmp_path), [name])
    validate.check(made)
    assert made.problems == {f"of-{name}": made.problems[f"of-{name}"]}
    assert (made.problems[f"of-{name}"].task, made.problems[f"of-{name}"].size) == (name, 100)


def test_a_base_model_is_reported_to_k_256(tmp_path):
    made = benchmark_presets.experiment(str(tmp_path), ["gsm8k"], samples=256)
    assert made.benchmarks["gsm8k"].k == (1, 4, 8, 16, 32, 64, 128, 256)


def test_several_benchmarks_share_one_experiment_and_samples_bound_k(tmp_path):
    made = benchmark_presets.experiment(str(tmp_path), ["maze-easy", "maze-hard"], samples=6)
    assert list(made.benchmarks) == ["maze-easy", "maze-hard"]
    assert {(benchmark.samples, benchmark.k) for benchmark in made.benchmarks.values()} == {(6, (1, 4))}


def test_a_model_whose_prompts_open_the_thinking_is_evaluated_as_such(tmp_path):
    plain = benchmark_presets.experiment(str(tmp_path), ["gsm8k"])
    opens = benchmark_presets.experiment(str(tmp_path), ["gsm8k"], opens_thinking=True)
    assert (plain.model.opens_thinking, opens.model.opens_thinking) == (False, True)
    [one], [other] = (plan.plan(made, tmp_path).evaluations for made in (plain, opens))
    assert one.record.key != other.record.key


def test_the_command_line_sets_the_length_of_a_response_and_any_other_field(tmp_path):
    settings = [
        "benchmarks.gsm8k.temperature=0.6",
        "model.chat_template=none",
        "benchmarks.gsm8k.stop=['Q:']",
        "seed=3",
    ]
    made = benchmark_presets.experiment(str(tmp_path), ["gsm8k"], max_response=77, settings=settings)
    benchmark = made.benchmarks["gsm8k"]
    assert (benchmark.max_response, benchmark.temperature, benchmark.stop) == (77, 0.6, ("Q:",))
    assert (made.model.chat_template, made.seed) == ("none", 3)
    assert benchmark_presets.experiment(str(tmp_path), file=MAZE, max_response=5).benchmarks["far"].max_response == 5
    for setting, message in (
        ("benchmarks.gsm8k.temperature=0.6,1", "set: .* has several values; write one"),
        ("benchmarks.gsm8.samples=4", "benchmarks.gsm8.samples: the experiment has no 'gsm8'; did you mean gsm8k"),
        ("temperature", "set: 'temperature' is not FIELD=VALUE"),
    ):
        with pytest.raises(ConfigError, match=f"^{message}"):
            benchmark_presets.experiment(str(tmp_path), ["gsm8k"], settings=[setting])


def test_a_files_own_benchmarks_go_before_the_named_ones_and_its_compute_is_taken(tmp_path):
    made = benchmark_presets.experiment(str(tmp_path), ["easy", "maze-far"], file=MAZE)
    assert list(made.benchmarks) == ["easy", "maze-far"]
    assert (made.benchmarks["easy"].problems, made.compute.micro_batch) == ("easy", 128)
    assert list(benchmark_presets.experiment(str(tmp_path), file=MAZE).benchmarks) == ["easy", "hard", "far"]


@pytest.mark.parametrize(
    ("names", "samples", "told"),
    [
        ([], None, "benchmark: none is named; name one or several"),
        (["maze-eesy"], None, "benchmark: 'maze-eesy' does not exist; did you mean maze-easy?"),
        (["maze-easy"], 0, "benchmarks.maze-easy.samples: "),
    ],
)
def test_nonsense_is_refused_in_one_line(tmp_path, names, samples, told):
    with pytest.raises(ConfigError) as refusal:
        benchmark_presets.experiment(str(tmp_path), names, samples)
    assert str(refusal.value).startswith(told)
