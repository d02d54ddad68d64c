"""One experiment with as many of the engine's settings as work together, killed in its rl stage and run again."""

import json
import math
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pandas
import pytest
import torch
from safetensors.torch import load_file

from passk.files.schema import EVALUATION, METRICS
from tests.integration.conftest import MARK, left_after, passk

pytestmark = pytest.mark.slow
STEPS = 6
EXPERIMENT = f"""
name: settings
question: Do the settings of the engine work together?
seed: 3
model: {{tiny: {{}}}}
problems:
  train: {{source: maze, split: train, size: 512, easy_fraction: 1.0, random_move_prob: 0.2, path_length: [2, 3]}}
  longer: {{source: maze, split: train, size: 128, easy_fraction: 1.0, path_length: [4, 5]}}
  test: {{source: maze, split: test, size: 10, easy_fraction: 1.0, path_length: [2, 3]}}
stages:
  warm: {{kind: sft, problems: train, steps: 24, batch_size: 64, lr: 3.0e-3, export_every: 12,
         openrlhf: {{--adam.eps: 1.0e-7}}}}
  arm: {{kind: rl, from: warm, mix: {{train: 0.8, longer: 0.2}}, advantage: passk_analytical, k: 2,
        steps: {STEPS}, save_every: 2, export_every: 3, prompts_per_step: 8, rollouts_per_prompt: 8, lr: 1.0e-2,
        max_prompt: 31, max_response: 8, evaluate_every: 3,
        lora: {{rank: 8, targets: [q_proj, down_proj]}}, filter_groups: {{max_rounds: 2}}, mask_truncated: true,
        kl: {{coef: 0.05, estimator: k2, in: loss, reference: warm}},
        loss: {{aggregation: seq-mean-token-mean, dual_clip: 3.0}},
        importance_correction: {{level: token, mode: clip, threshold: [0.5, 2.0]}},
        openrlhf: {{--actor.adam.eps: 1.0e-7, --ref.offload: true}}}}
benchmarks:
  test: {{problems: test, samples: 8, k: [1, 4], max_response: 8}}
compute: {{profile: cpu, threads: 1, micro_batch: 64}}
"""


@dataclass(frozen=True)
class Run:
    stages: dict[str, Path]
    steps_at_kill: int
    report: str

    def metrics(self, stage: str) -> list[dict]:
        return [json.loads(line) for line in (self.stages[stage] / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    directory = tmp_path_factory.mktemp("settings")
    (directory / "settings.yaml").write_text(EXPERIMENT)
    outside = ("RAY_ADDRESS", "PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")
    environment = {name: value for name, value in os.environ.items() if name not in outside}
    environment |= {MARK: str(directory), "PREFECT_HOME": str(directory / "prefect")}
    command = passk("run", "settings.yaml")
    with (directory / "first.txt").open("w") as output:
        first = subprocess.Popen(command, cwd=directory, env=environment, stdout=output, stderr=output)
        try:
            at_kill = killed_after(directory, first, steps=3)
        finally:
            first.send_signal(signal.SIGKILL)
            first.wait()
    left_after(directory, seconds=60)
    second = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=900)
    assert second.returncode == 0, second.stdout[-4000:] + second.stderr[-4000:]
    runs = directory / "runs" / "settings"
    records = {file.parent: json.loads(file.read_text())["name"] for file in runs.glob("stages/*/stage.json")}
    stages = {name: path for path, name in records.items()}
    return Run(stages=stages, steps_at_kill=at_kill, report=(runs / "report.md").read_text())


def killed_after(directory: Path, process: subprocess.Popen, steps: int) -> int:
    """The number of rl steps when there are `steps` at least."""
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        for rollouts in directory.glob("runs/settings/stages/*/rollouts"):
            metrics = rollouts.parent / "metrics.jsonl"
            if metrics.exists() and (done := len(metrics.read_text().splitlines())) >= steps:
                return done
        assert process.poll() is None, (directory / "first.txt").read_text()[-4000:]
        time.sleep(0.05)
    raise AssertionError((directory / "first.txt").read_text()[-4000:])


def test_each_step_stands_once_though_the_run_was_killed(run):
    assert run.steps_at_kill < STEPS, "it was killed in the middle"
    lines = run.metrics("arm")
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    assert all(line.keys() == set(METRICS) - {"loss"} for line in lines)
    assert "Loading the checkpoint" in (run.stages["arm"] / "log.txt").read_text()


def test_held_out_curves_have_each_evaluation_once_and_stand_in_the_report(run):
    lines = [json.loads(line) for line in (run.stages["arm"] / "evaluations.jsonl").read_text().splitlines()]
    assert [(line["step"], line["benchmark"]) for line in lines] == [(0, "test"), (3, "test"), (STEPS, "test")]
    for line in lines:
        assert line.keys() == EVALUATION.keys()
        assert 0 <= line["pass_at_k"]["1"]["value"] <= line["pass_at_k"]["4"]["value"] <= 1
        assert 0 <= line["maj_at_k"]["4"]["value"] <= 1
    assert "## Held-out pass@k during the training" in run.report and "maj@k" in run.report


def test_the_distance_from_the_reference_starts_at_zero_and_grows(run):
    kl = [line["kl"] for line in run.metrics("arm")]
    assert 0 <= kl[0] < 1e-3 and max(kl[1:]) > 2 * kl[0] and all(map(math.isfinite, kl))


def test_vllms_probabilities_are_compared_with_the_trainers_in_each_step(run):
    for line in run.metrics("arm"):
        assert 0 < line["importance_gap"] < 0.25
        assert 0.75 < line["importance_ratio"] < 1.25
        assert 0 <= line["importance_filtered"] < 0.5
    assert "importance gap" in run.report and "KL" in run.report


def test_each_step_trains_on_groups_that_teach_and_counts_all_that_were_sampled(run):
    lines = run.metrics("arm")
    for line in lines:
        assert 8 <= line["generated_groups"] <= 16 and line["used_groups"] <= 8
        assert sum(line["correct_counts"]) == line["generated_groups"]
        teaching = sum(line["correct_counts"][1 : 8 - 2 + 1])
        assert line["used_groups"] == min(teaching, 8)
    assert any(line["used_groups"] < line["generated_groups"] for line in lines)
    manifest = json.loads((run.stages["arm"] / "manifest.json").read_text())
    assert manifest["prompts"] == sum(line["generated_groups"] for line in lines)
    assert "groups generated" in run.report


def test_models_on_the_way_and_the_last_one_have_a_card(run):
    for stage, steps in (("warm", [12, 24]), ("arm", [3, 6])):
        exports = run.stages[stage] / "exports"
        assert sorted(path.name for path in exports.iterdir()) == [f"step-{step:06d}" for step in steps]
        for directory in (*exports.iterdir(), run.stages[stage] / "model"):
            assert f"# {stage} of settings" in (directory / "README.md").read_text()
            assert not list(directory.glob("adapter*")) and (directory / "tokenizer_config.json").is_file()
    last, model = (
        load_file(path / "model.safetensors") for path in (exports / "step-000006", run.stages["arm"] / "model")
    )
    assert all(torch.equal(last[name], model[name]) for name in model)
    card = (run.stages["arm"] / "model" / "README.md").read_text()
    assert "| test | 8 | pass@4 |" in card and "train (0.8), longer (0.2)" in card


def test_the_prompts_are_of_both_sets_of_the_mix(run):
    directory = run.stages["arm"]
    record = json.loads((directory / "stage.json").read_text())
    union = pandas.read_parquet(directory.parents[1] / "problems" / f"{record['problems']}.parquet")
    assert len(union) == 512 + 128
    sampled = pandas.concat(map(pandas.read_parquet, (directory / "rollouts").glob("*.parquet")))["problem"].unique()
    longer = set(union["id"][512:])
    assert longer & set(sampled) and set(sampled) - longer and set(sampled) <= set(union["id"])


def test_the_adapter_is_merged_into_the_model_and_vllm_had_the_same_weights_in_each_step(run):
    before, after = (load_file(run.stages[stage] / "model" / "model.safetensors") for stage in ("warm", "arm"))
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "q_proj.weight" in name or "down_proj.weight" in name}
    assert not list((run.stages["arm"] / "model").glob("adapter*"))
    assert all(line["logprob_gap"] < 0.1 for line in run.metrics("arm"))


def test_openrlhfs_own_flags_reach_the_trainer(run):
    assert "eps=1e-07" in (run.stages["arm"] / "log.txt").read_text()
