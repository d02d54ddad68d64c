"""A chat template, a system prompt and stop texts in a whole run: supervised, reinforced, held out, evaluated."""

import json

import pyarrow.parquet
import pytest
import yaml

from passk.experiment import config, plan
from passk.pipeline import stages
from passk.runtime.ray_cluster import ray_cluster

EXPERIMENT = """
name: format
question: Is a model asked in the same way everywhere?
seed: 3
model: {tiny: {layers: 1, alphabet: bytes, max_length: 192}, system_prompt: Solve it.}
problems:
  train: {source: maze, split: train, size: 16, easy_fraction: 1.0, path_length: [2, 3]}
  test: {source: maze, split: test, size: 4, easy_fraction: 1.0, path_length: [2, 3]}
stages:
  warm: {kind: sft, problems: train, steps: 40, batch_size: 16, lr: 3.0e-3, evaluate: false}
  arm: {kind: rl, from: warm, problems: train, advantage: grpo, steps: 1, prompts_per_step: 8, rollouts_per_prompt: 8,
        lr: 1.0e-4, max_prompt: 120, max_response: 24, stop: [L, R], evaluate_every: 1}
benchmarks:
  test: {problems: test, samples: 8, max_response: 24, stop: [L, R]}
compute: {profile: cpu, threads: 1, micro_batch: 64}
"""
TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    directory = tmp_path_factory.mktemp("format")
    (directory / "mine.jinja").write_text(TEMPLATE)
    raw = yaml.safe_load(EXPERIMENT)
    raw["model"]["chat_template"] = str(directory / "mine.jinja")
    laid_out = plan.plan(config.parse(raw), directory / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        with ray_cluster(laid_out.experiment.compute, directory / "ray.log") as cluster:
            stages.prepare(laid_out)
            for planned in laid_out.stages:
                stages.train(laid_out, planned, cluster)
        stages.evaluate(laid_out)
    return laid_out


def test_both_kinds_of_training_see_the_formatted_prompt(done):
    from datasets import load_from_disk

    for planned in done.stages:
        prompts = load_from_disk(planned.directory / "data")["prompt"]
        assert all(text.startswith("[system]Solve it.[user]") and text.endswith("[assistant]") for text in prompts)


def test_a_response_ends_at_a_stop_text_in_training_and_is_recorded_without_it_in_evaluations(done):
    [file] = done.stages[1].directory.glob("rollouts/*.parquet")
    rollouts = pyarrow.parquet.read_table(file).to_pylist()
    ended = [row["response"] for row in rollouts if not row["truncated"]]
    assert any(text[-1:] in "LR" for text in ended if text)
    assert not any(letter in row["response"][:-1] for row in rollouts for letter in "LR")
    samples = pyarrow.parquet.read_table(done.evaluations[0].directory / "samples.parquet").to_pylist()
    assert {row["finish_reason"] for row in samples} & {"stop"}
    assert not any(letter in row["response"] for row in samples for letter in "LR")


def test_the_model_learned_the_format_that_every_evaluation_uses(done):
    """The supervised stage saw moves of letters alone after the template, and so do the engines of both evaluations."""
    lines = [json.loads(line) for line in (done.stages[1].directory / "evaluations.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1]
    samples = pyarrow.parquet.read_table(done.evaluations[0].directory / "samples.parquet").to_pylist()
    mean = sum(row["tokens"] for row in samples) / len(samples)
    # after another prompt the response would not begin with a move
    assert mean < 12 and all(line["length"] < 12 for line in lines)
