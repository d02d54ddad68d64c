"""Estimate the memory and the time of an experiment's stages on GPUs, each number with its source.

The numbers are for full lengths: every prompt has `max_prompt` tokens and every response `max_response`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from passk.experiment.config import Experiment
from passk.experiment.stage import RlStage
from passk.models.model_size import ModelSize
from passk.pipeline import memory
from passk.pipeline.memory import GIB

MEMORY = "passk/pipeline/memory.py, the estimate of `passk plan`"
ENGINE = "vLLM: weights, keys and values in bf16"
SCALING = "2 FLOP a weight and token forward, 4 backward (arXiv 2001.08361, section 2.1); attention not counted"
A100_FLOPS, A100_BYTES, A100_MEMORY, UTILIZATION = 312e12, 2.0e12, 80e9, 0.4
"""bf16 FLOP/s, memory bytes/s and bytes of an A100-80G (NVIDIA's data sheet), and the share of the FLOP/s we assume."""
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
        yield from _engine(experiment, max(stage.max_prompt + stage.max_response for stage in stages.values()), size)
    disk = {name: memory.disk(size, stage) for name, stage in experiment.stages.items()}
    largest = max(disk, key=lambda name: disk[name])
    formula = f"{largest}: {memory.CHECKPOINT_BYTES} bytes a weight and kept checkpoint, and the trained model"
    yield Need("files of a stage, disk", _gib(disk[largest]), formula, MEMORY)
    names: dict[Need, list[str]] = {}  # stages with the same numbers share a row
    for name, stage in stages.items():
        for need in _step(experiment, stage, size):
            names.setdefault(need, []).append(name)
    yield from (replace(need, what=f"{', '.join(named)}: {need.what}") for need, named in names.items())
    hours = sum(_hours(experiment, stage, size) for stage in stages.values())
    if stages:
        amount = f"{hours * experiment.gpus:,.0f} GPU hours"
        yield Need("all rl stages", amount, f"{hours:.1f} h on {experiment.gpus} GPUs, without evaluation", A100)


def _engine(experiment: Experiment, length: int, size: ModelSize) -> Iterator[Need]:
    """Yield the engine's weights and its KV cache. length: the longest sequence in tokens."""
    compute = experiment.compute
    weights = 2 * size.weights / compute.tensor_parallel
    yield Need("engine's weights, a GPU", _gib(weights), "2 bytes a weight / tensor_parallel", ENGINE)
    kib = size.kv_bytes / 1024
    yield Need("KV cache, a token", f"{kib:.0f} KiB", "4 bytes x layers x KV heads x head size", ENGINE)
    free = A100_MEMORY * compute.memory_utilization - weights
    at_once = max(0, int(free * compute.tensor_parallel / size.kv_bytes / length))
    formula = (
        f"{compute.memory_utilization:g} of 80 GB without the weights: {at_once:,} rollouts of full length at once"
    )
    yield Need("KV cache that fits, a GPU", _gib(max(0.0, free)), formula, "A100-80G data sheet; memory_utilization")


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
        "weights and Adam": f"ZeRO {compute.zero_stage} on {compute.ranks(rollouts=True)} GPUs",
        "activations": f"{together}, {checkpointing} gradient checkpointing",
        "logits": f"{together}, {memory.LOGIT_BYTES} bytes a logit",
    }
    for part, formula in formulas.items():
        yield Need(f"trainer's {part}, a GPU", _gib(parts[part]), formula, MEMORY)
    whole = sum(parts.values()) + memory.PROCESSES_GIB["gpu"] * GIB
    yield Need("trainer, a GPU", _gib(whole), f"{largest}: these parts and the CUDA context", MEMORY)


def _step(experiment: Experiment, stage: RlStage, size: ModelSize) -> Iterator[Need]:
    rollouts = stage.prompts_per_step * stage.rollouts_per_prompt
    length = stage.max_prompt + stage.max_response
    formula = f"{rollouts:,} rollouts x ({stage.max_prompt} + {stage.max_response}) tokens"
    yield Need("tokens a step", f"{rollouts * length / 1e6:.2f} M", formula, "the experiment file")
    formula = f"{_each_engine(experiment, stage):,} rollouts an engine at full length; vLLM queues what does not fit"
    yield Need("KV cache of all rollouts, a GPU", _gib(_cache(experiment, stage, size)), formula, ENGINE)
    operations = _operations(experiment, stage, size)
    formula = "log-probabilities and the update"
    yield Need("operations a step", f"{operations / 1e15:.1f} PFLOP", formula, SCALING)
    formula = f"on {experiment.compute.ranks(rollouts=True)} GPUs"
    yield Need("training a step", _time(_trained(experiment, stage, size)), formula, A100)
    formula = "each token reads the weights and half of the full cache once"
    yield Need("sampling a step, at least", _time(_sampled(experiment, stage, size)), formula, A100)
    formula = f"{stage.steps} steps, without evaluation and start"
    yield Need("whole stage", f"{_hours(experiment, stage, size):.1f} h", formula, A100)


def _each_engine(experiment: Experiment, stage: RlStage) -> int:
    return -(-stage.prompts_per_step * stage.rollouts_per_prompt // experiment.compute.engines)


def _cache(experiment: Experiment, stage: RlStage, size: ModelSize) -> float:
    """Return the bytes of the KV cache of an engine's rollouts on each of its GPUs."""
    length = stage.max_prompt + stage.max_response
    return _each_engine(experiment, stage) * length * size.kv_bytes / experiment.compute.tensor_parallel


def _operations(experiment: Experiment, stage: RlStage, size: ModelSize) -> float:
    """Return the FLOP of a step: log-probabilities before the update, then forward and backward."""
    tokens = stage.prompts_per_step * stage.rollouts_per_prompt * (stage.max_prompt + stage.max_response)
    forward = 2 * size.weights * tokens
    return forward * (5 if experiment.compute.gradient_checkpointing else 4)


def _trained(experiment: Experiment, stage: RlStage, size: ModelSize) -> float:
    """Return the seconds that the trainer computes in a step."""
    ranks = experiment.compute.ranks(rollouts=True)
    return _operations(experiment, stage, size) / (ranks * A100_FLOPS * UTILIZATION)


def _sampled(experiment: Experiment, stage: RlStage, size: ModelSize) -> float:
    """Return the fewest seconds in which the engines sample a step."""
    compute = experiment.compute
    prefill = 2 * size.weights * stage.prompts_per_step * stage.max_prompt
    read = 2 * size.weights / compute.tensor_parallel + _cache(experiment, stage, size) / 2
    seconds = prefill / (compute.engines * compute.tensor_parallel * A100_FLOPS * UTILIZATION)
    return seconds + stage.max_response * read / A100_BYTES


def _hours(experiment: Experiment, stage: RlStage, size: ModelSize) -> float:
    return stage.steps * (_trained(experiment, stage, size) + _sampled(experiment, stage, size)) / 3600


def _gib(number: float) -> str:
    return f"{number / GIB:,.1f} GiB"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
