"""Estimate the memory and the time of an experiment's stages on GPUs, each number with its source.

The numbers are for full lengths: every prompt has `max_prompt` tokens and every response `max_response`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from passk.experiment.config import Experiment
from passk.experiment.stage import RlStage
from passk.models.model_size import ModelSize
from passk.pipeline import memory
from passk.pipeline.memory import GIB

MEMORY = "passk/pipeline/memory.py, the estimate of `passk plan`"
ENGINE = "vLLM: weights, keys and values in bf16"
SCALING = "2 FLOP a weight and token forward, 4 backward (arXiv 2001.08361, section 2.1); attention not counted"
A100_FLOPS, A100_BYTES, UTILIZATION = 312e12, 2.0e12, 0.4
"""bf16 FLOP/s and memory bytes/s of an A100-80G (NVIDIA's data sheet), and the share of the FLOP/s that we assume."""
A100 = "A100-80G data sheet: 312 TFLOP/s in bf16, 2.0 TB/s; 40 % of the FLOP/s is an assumption"


@dataclass(frozen=True)
class Need:
    """One number of the estimate."""

    what: str
    amount: str
    formula: str
    source: str


def needs(experiment: Experiment, size: ModelSize, source: str) -> Iterator[Need]:
    """Yield memory per GPU of trainer and engine, disk, then tokens, operations and time of a step of each rl stage.

    source: where the size comes from.
    """
    yield Need("weights", f"{size.weights / 1e9:.2f} B", "all layers and embeddings", source)
    yield from _trainer(experiment, size)
    stages = {name: stage for name, stage in experiment.stages.items() if isinstance(stage, RlStage)}
    if stages:
        weights = 2 * size.weights / experiment.compute.tensor_parallel
        yield Need("engine's weights, a GPU", _gib(weights), "2 bytes a weight / tensor_parallel", ENGINE)
        kib = size.kv_bytes / 1024
        yield Need("KV cache, a token", f"{kib:.0f} KiB", "4 bytes x layers x KV heads x head size", ENGINE)
    disk = {name: memory.disk(size, stage) for name, stage in experiment.stages.items()}
    largest = max(disk, key=lambda name: disk[name])
    formula = f"{largest}: {memory.CHECKPOINT_BYTES} bytes a weight and kept checkpoint, and the trained model"
    yield Need("files of a stage, disk", _gib(disk[largest]), formula, MEMORY)
    for name, stage in stages.items():
        yield from _step(experiment, name, stage, size)


def _trainer(experiment: Experiment, size: ModelSize) -> Iterator[Need]:
    """Yield the parts of the stage whose trainer needs most, and their sum."""
    compute = experiment.compute
    estimates = {name: memory.trainer(size, stage, experiment) for name, stage in experiment.stages.items()}
    largest = max(estimates, key=lambda name: estimates[name].gib)
    stage, parts = experiment.stages[largest], estimates[largest].parts
    longest = memory.tokens(stage, experiment.model.tiny)
    together = f"sequences of {longest:,} tokens in micro-batches of {compute.micro_batch}"
    if compute.max_tokens_per_gpu and isinstance(stage, RlStage):
        together = f"{max(compute.max_tokens_per_gpu, longest):,} tokens together"
    checkpointing = "with" if compute.gradient_checkpointing else "without"
    formulas = {
        "weights and Adam": f"ZeRO {compute.zero_stage} on {compute.gpus(rollouts=False)} GPUs",
        "activations": f"{together}, {checkpointing} gradient checkpointing",
        "logits": f"{together}, {memory.LOGIT_BYTES} bytes a logit",
    }
    for part, formula in formulas.items():
        yield Need(f"trainer's {part}, a GPU", _gib(parts[part]), formula, MEMORY)
    whole = sum(parts.values()) + memory.PROCESSES_GIB["gpu"] * GIB
    yield Need("trainer, a GPU", _gib(whole), f"{largest}: these parts and the CUDA context", MEMORY)


def _step(experiment: Experiment, name: str, stage: RlStage, size: ModelSize) -> Iterator[Need]:
    compute, ranks = experiment.compute, experiment.compute.gpus(rollouts=False)
    rollouts = stage.prompts_per_step * stage.rollouts_per_prompt
    length = stage.max_prompt + stage.max_response
    tokens = rollouts * length
    each_engine = -(-rollouts // compute.engines)
    cache = each_engine * length * size.kv_bytes / compute.tensor_parallel
    forward, backward = 2 * size.weights * tokens, 4 * size.weights * tokens
    recomputed = forward if compute.gradient_checkpointing else 0
    train = 2 * forward + backward + recomputed  # log-probabilities before the update, then forward and backward
    trained = train / (ranks * A100_FLOPS * UTILIZATION)
    prefill = 2 * size.weights * stage.prompts_per_step * stage.max_prompt
    read = 2 * size.weights / compute.tensor_parallel + cache / 2
    sampled = prefill / (compute.engines * compute.tensor_parallel * A100_FLOPS * UTILIZATION)
    sampled += stage.max_response * read / A100_BYTES
    total = stage.steps * (trained + sampled) / 3600
    yield Need(
        f"{name}: tokens a step",
        f"{tokens / 1e6:.2f} M",
        f"{rollouts:,} rollouts x ({stage.max_prompt} + {stage.max_response}) tokens",
        "the experiment file",
    )
    yield Need(
        f"{name}: KV cache of all rollouts, a GPU",
        _gib(cache),
        f"{each_engine:,} rollouts an engine at full length; vLLM queues what does not fit",
        ENGINE,
    )
    yield Need(f"{name}: operations a step", f"{train / 1e15:.1f} PFLOP", "log-probabilities and the update", SCALING)
    yield Need(f"{name}: training a step", _time(trained), f"on {ranks} GPUs", A100)
    yield Need(
        f"{name}: sampling a step, at least",
        _time(sampled),
        "each token reads the weights and half of the full cache once",
        A100,
    )
    yield Need(f"{name}: whole stage", f"{total:.1f} h", f"{stage.steps} steps, without evaluation and start", A100)


def _gib(number: float) -> str:
    return f"{number / GIB:,.1f} GiB"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
