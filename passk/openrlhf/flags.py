"""Build OpenRLHF's command line for a stage. No other module spells its flags.

tests/integration/test_contract_flags.py checks every flag against the installed OpenRLHF.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from passk.experiment.compute import Compute
from passk.experiment.stage import RlStage, SftStage
from passk.files import layout
from passk.openrlhf import engine_flags, passthrough
from passk.openrlhf.checkpoints import LEAST_KEPT
from passk.openrlhf.held_out import HeldOut

Flags = dict[str, str | int | float | bool | tuple | None]

PROMPT, LABEL, RESPONSE = "prompt", "label", "response"
"""Columns of a stage's training data."""


@dataclass(frozen=True)
class Paths:
    """Paths that a stage reads and writes."""

    model: str
    """HF model to start from, a directory or a name."""
    data: Path
    output: Path
    """Stage directory."""
    problems: Path | None = None
    """Parquet file of the stage's problems."""
    reference: str | None = None
    """HF model that is the reference of the KL penalty (default: `model`)."""


def sft(stage: SftStage, compute: Compute, paths: Paths, *, seed: int, max_tokens: int) -> list[str]:
    """Return the arguments of passk.openrlhf.sft. max_tokens: the longest prompt and response together."""
    processes = compute.ranks(rollouts=False)
    flags: Flags = {
        "--model.model_name_or_path": paths.model,
        "--model.gradient_checkpointing_enable": compute.gradient_checkpointing,
        "--data.dataset": str(paths.data),
        "--data.input_key": PROMPT,
        "--data.output_key": RESPONSE,
        "--data.input_template": "{}",
        "--data.max_len": max_tokens,
        "--data.max_samples": stage.steps * stage.batch_size,  # OpenRLHF's default is a million
        "--train.batch_size": stage.batch_size,
        "--train.micro_batch_size": _largest_divisor(stage.batch_size // processes, compute.micro_batch),
        "--train.max_epochs": 1,
        "--train.seed": seed,
        "--adam.lr": stage.lr,
        "--adam.betas": stage.betas,
        "--adam.weight_decay": stage.weight_decay,
        "--max_norm": stage.max_norm,
        "--lr_scheduler": "constant_with_warmup",
        "--lr_warmup_ratio": stage.warmup / stage.steps,
        **_common(stage, compute, paths),
    }
    of_plugin: Flags = {"--passk.record": str(paths.output), "--passk.export_every": stage.export_every}
    return [*_spell(flags), *passthrough.words(stage.openrlhf), *_spell(of_plugin)]


def _largest_divisor(number: int, most: int) -> int:
    return next(divisor for divisor in range(min(number, most), 0, -1) if number % divisor == 0)


def rl(stage: RlStage, compute: Compute, paths: Paths, *, seed: int, held_out: HeldOut | None = None) -> list[str]:
    """Return the arguments of passk.openrlhf. held_out: evaluations during the training."""
    mini_batch_prompts = stage.mini_batch_prompts or stage.prompts_per_step
    flags: Flags = {
        "--actor.model_name_or_path": paths.model,
        "--actor.num_nodes": compute.nodes,
        "--actor.num_gpus_per_node": compute.gpus_per_node,
        "--actor.gradient_checkpointing_enable": compute.gradient_checkpointing,
        "--actor.adam.lr": stage.lr,
        "--actor.adam.betas": stage.betas,
        "--actor.adam.weight_decay": stage.weight_decay,
        "--actor.max_norm": stage.max_norm,
        "--actor.lr_scheduler": "constant_with_warmup",
        "--actor.lr_warmup_ratio": stage.warmup / (stage.steps * stage.rounds),  # of the prompts in the data
        "--actor.eps_clip_low_high": stage.clip,
        "--actor.entropy_coef": stage.entropy_coef,  # 0 adds no bonus but makes OpenRLHF measure the entropy
        "--algo.advantage.estimator": "group_norm",  # it adds no whitening; the plugin replaces it
        "--vllm.num_engines": compute.engines,
        "--vllm.tensor_parallel_size": compute.tensor_parallel,
        "--vllm.gpu_memory_utilization": compute.memory_utilization,
        "--vllm.enable_prefix_caching": True,
        "--vllm.sync_backend": "nccl",
        "--train.colocate_all": compute.colocate,
        "--vllm.enable_sleep": compute.colocate,
        "--ds.enable_sleep": compute.colocate,
        "--data.prompt_dataset": str(paths.data),
        "--data.input_key": PROMPT,
        "--data.label_key": LABEL,
        "--data.max_len": stage.max_prompt + stage.max_response,
        "--reward.remote_url": str(Path(__file__).with_name("reward.py")),
        "--rollout.batch_size": stage.prompts_per_step,
        "--rollout.n_samples_per_prompt": stage.rollouts_per_prompt,
        "--rollout.micro_batch_size": compute.micro_batch,
        "--rollout.max_new_tokens": stage.max_response,
        "--rollout.temperature": stage.temperature,
        "--rollout.top_p": stage.top_p,
        "--train.batch_size": mini_batch_prompts * stage.rollouts_per_prompt,
        "--train.micro_batch_size": compute.micro_batch,
        "--train.max_epochs": 1,
        "--train.num_episodes": 1,
        "--train.seed": seed,
        "--ckpt.best_metric_key": "none",
        **engine_flags.of_loss(stage, compute),
        **_common(stage, compute, paths),
    }
    if compute.max_tokens_per_gpu:
        flags["--train.dynamic_batch_enable"] = True
        flags["--train.max_tokens_per_gpu"] = flags["--rollout.max_tokens_per_gpu"] = compute.max_tokens_per_gpu
    if compute.profile == "cpu":
        flags["--vllm.sync_backend"] = "gloo"
        flags["--vllm.enforce_eager"] = True
    of_plugin = _plugin_flags(stage, paths) | {"--passk.held_out": held_out.spelled if held_out else None}
    return [*_spell(flags), *passthrough.words(stage.openrlhf), *_spell(of_plugin)]


def _plugin_flags(stage: RlStage, paths: Paths) -> Flags:
    """Return the plugin's flags (settings.py)."""
    estimators, options = stage.advantage.until(stage.steps, stage.options)
    return {
        "--passk.advantage": estimators.spelled,
        "--passk.k": stage.k.until(stage.steps).spelled,
        "--passk.options": json.dumps(options) if options else None,
        "--passk.method": json.dumps(stage.method) if stage.method else None,
        "--passk.false_positive_rate": stage.false_positive_rate or None,
        "--passk.max_failed": stage.max_failed,
        "--passk.stop": json.dumps(stage.stop) if stage.stop else None,
        "--passk.record": str(paths.output),
        "--passk.problems": str(paths.problems) if paths.problems else None,
        "--passk.reference": paths.reference,
        "--passk.until": stage.until.spelled if stage.until else None,
        "--passk.sum_tokens": bool(stage.loss and stage.loss.sums_tokens),
        "--passk.mask_truncated": stage.mask_truncated,
        "--passk.filter_groups": stage.rounds if stage.filter_groups else None,
        "--passk.steps": stage.steps if stage.filter_groups else None,
        "--passk.ema": stage.ema,
        "--passk.export_every": stage.export_every,
        "--passk.stop_when": stage.stop_when.spelled if stage.stop_when else None,
        "--passk.keep": keep.spelled if (keep := stage.keep) else None,
        "--passk.keep_order": True,
    }


def _common(stage: SftStage | RlStage, compute: Compute, paths: Paths) -> Flags:
    return {
        "--ds.zero_stage": compute.zero_stage,
        "--ds.attn_implementation": compute.attention,
        "--ds.packing_samples": compute.packing,
        "--ckpt.output_dir": str(layout.model(paths.output)),
        "--ckpt.path": str(layout.checkpoints(paths.output)),
        "--ckpt.save_steps": stage.save_every,
        "--ckpt.max_num": max(stage.keep_checkpoints, LEAST_KEPT),
        "--ckpt.load_enable": True,
        **engine_flags.of_adapter(stage),
        "--train.full_determinism_enable": compute.deterministic,
    }


def _spell(flags: Mapping[str, str | int | float | bool | tuple | None]) -> list[str]:
    """Return the command line. A switch that is off, or a value of None, is left out."""
    words: list[str] = []
    for flag, value in flags.items():
        if value is True:
            words.append(flag)
        elif isinstance(value, tuple):
            words += [flag, *map(str, value)]
        elif value is not False and value is not None:
            words += [flag, str(value)]
    return words
