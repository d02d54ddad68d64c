"""A tied model on the CPU: vLLM samples with the trainer's weights, and passk stops where it does not.

Every small HF model is tied: its output head is the matrix of the embeddings.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from passk.experiment import config, plan
from passk.experiment.compute import Compute
from passk.experiment.model import TinyModel
from passk.models.log_probs import LIMIT
from passk.models.tiny import make_tiny
from passk.pipeline import stages
from passk.runtime.environment import environment
from passk.runtime.failures import StageFailed
from passk.runtime.ray_cluster import ray_cluster

pytestmark = pytest.mark.slow

# From random weights nothing is solved: incorrect answers that are rewarded at random make the gradients.
EXPERIMENT = """
name: tied
question: Does vLLM get the weights of a tied model?
seed: 3
model: {tiny: {layers: 2, tie_word_embeddings: true}}
problems:
  train: {source: maze, split: train, size: 32, easy_fraction: 1.0, path_length: [2, 3]}
  test: {source: maze, split: test, size: 10, easy_fraction: 1.0, path_length: [2, 3]}
stages:
  arm: {kind: rl, problems: train, advantage: passk_bootstrap, k: 4, false_positive_rate: 0.3, steps: 3,
        prompts_per_step: 8, rollouts_per_prompt: 8, lr: 6.0e-2, max_prompt: 31, max_response: 8}
benchmarks:
  test: {problems: test, max_response: 8}
compute: {profile: cpu, threads: 1, micro_batch: 64, engines: ENGINES}
"""
# A copy of each weight that is made once, as oneDNN makes it on a processor with bf16 instructions.
PACKED = """
from passk.cpu.on_import import on_import

def packed(ops):
    import torch
    ops.create_onednn_mm = lambda weight, size: weight.t().clone()
    ops.onednn_mm = lambda copy, x, bias: torch.nn.functional.linear(x, copy, bias)

on_import("vllm._custom_ops", packed)
"""
# Python runs it at the start of every process of a run. The engine that takes the file `broken` uses vLLM's own reload.
SITE = f"""
import os, pathlib
if os.environ.get("PASSK_CPU") == "1":
    exec({PACKED!r})
    from passk.cpu import weights
    ours, broken = weights.model_runner, pathlib.Path(__file__).with_name("broken")

    def model_runner(module):
        try:
            broken.rename(broken.with_name("taken"))
        except FileNotFoundError:
            ours(module)

    weights.model_runner = model_runner
"""
# The first model, the second by vLLM's own reload, and both by ours: the head's error against the embeddings.
RELOADS = """
import sys
from types import SimpleNamespace
from passk import cpu
cpu.install_if_requested()
import torch
from vllm.config import set_current_vllm_config
from vllm.distributed import init_distributed_environment, initialize_model_parallel
from vllm.engine.arg_utils import EngineArgs
from vllm.model_executor.model_loader import get_model
from vllm.v1.worker.cpu_model_runner import CPUModelRunner
from vllm.v1.worker.gpu_model_runner import GPUModelRunner

first, second, rendezvous = sys.argv[1:]
config = EngineArgs(model=first, dtype="bfloat16", enforce_eager=True).create_engine_config()
with set_current_vllm_config(config):
    init_distributed_environment(1, 0, "file://" + rendezvous, 0, "gloo")
    initialize_model_parallel(1, 1)
    model = get_model(vllm_config=config)
    runner = SimpleNamespace(
        get_model=lambda: model, lora_config=None, load_config=config.load_config, model_config=config.model_config,
        reset_lora_state=lambda: None, reset_encoder_cache=lambda: None, reset_mm_cache=lambda: None,
    )
    hidden = torch.randn(4, 96, generator=torch.Generator().manual_seed(1)).bfloat16()

    def error():
        logits = model.lm_head.quant_method.apply(model.lm_head, hidden).float()
        exact = hidden.float() @ model.model.embed_tokens.weight.float().T
        print("error", (logits - exact).abs().max().item(), flush=True)

    error()
    ours, vllms = CPUModelRunner.reload_weights, GPUModelRunner.reload_weights
    for reload, path in ((vllms, second), (ours, first), (ours, second)):
        reload(runner, weights_path=path)
        error()
"""


@dataclass(frozen=True)
class Runs:
    directory: Path
    reason: str
    """Message of the run in which one of two engines has a stale head."""

    def gaps(self, name: str) -> list[float]:
        """Return the metric of each step that the run recorded."""
        [file] = (self.directory / f"{name}-runs").glob("tied/stages/*/metrics.jsonl")
        return [json.loads(line)["logprob_gap"] for line in file.read_text().splitlines()]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Runs:
    directory = tmp_path_factory.mktemp("tied")
    (directory / "sitecustomize.py").write_text(SITE)
    plans = {
        name: plan.plan(
            config.parse(yaml.safe_load(EXPERIMENT.replace("ENGINES", str(engines)))), directory / f"{name}-runs"
        )
        for name, engines in (("ours", 1), ("broken", 2))
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("PYTHONPATH", str(directory))
        with ray_cluster(plans["broken"].experiment.compute, directory / "ray.log") as cluster:
            for one in plans.values():
                stages.prepare(one)
            stages.train(plans["ours"], plans["ours"].stages[0], cluster)
            (directory / "broken").touch()
            with pytest.raises(StageFailed) as failed:
                stages.train(plans["broken"], plans["broken"].stages[0], cluster)
    assert (directory / "taken").exists()
    return Runs(directory, str(failed.value))


def test_vllms_reload_leaves_the_packed_head_of_a_tied_model_and_ours_renews_it(tmp_path):
    for seed in (1, 2):
        make_tiny(TinyModel(tie_word_embeddings=True), tmp_path / str(seed), seed=seed)
    command = [sys.executable, "-c", PACKED + RELOADS, *(str(tmp_path / name) for name in ("1", "2", "rendezvous"))]
    variables = environment(Compute(profile="cpu"))
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    found = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("error ")]
    start, vllms, *ours = found
    assert max(start, *ours) < 0.01 < 0.1 < vllms
    assert len(ours) == 2


def test_a_stale_head_in_one_of_two_engines_stops_the_stage_and_the_message_names_the_step(runs):
    assert "model: step 2: vLLM does not have the model's weights" in runs.reason
    # Step 1 samples with the weights that vLLM read itself.
    assert len(runs.gaps("broken")) == 1 and max(runs.gaps("broken")) < LIMIT / 4


def test_with_ours_every_step_samples_with_the_trainers_weights(runs):
    assert len(runs.gaps("ours")) == 3 and max(runs.gaps("ours")) < LIMIT / 4
