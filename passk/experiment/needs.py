"""Estimate the memory and the time of an experiment's rl stages on GPUs, each number with its source.

The numbers are upper bounds for full lengths: every prompt has `max_prompt` tokens and every response `max_response`.
"""

from dataclasses import dataclass

from passk.experiment.config import Experiment
from passk.experiment.stage import RlStage

ZERO = "ZeRO, arXiv 1910.02054, section 3; Adam in mixed precision"
ENGINE = "vLLM: keys and values in bf16"
SCALING = "2 FLOP a parameter and token forward, 4 backward (arXiv 2001.08361, section 2.1); attention not counted"
A100_FLOPS, A100_BYTES, UTILIZATION = 312e12, 2.0e12, 0.4
"""bf16 FLOP/s and memory bytes/s of an A100-80G (NVIDIA's data sheet), and the share of the FLOP/s that we assume."""
A100 = "A100-80G data sheet: 312 TFLOP/s in bf16, 2.0 TB/s; 40 % of the FLOP/s is an assumption"


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder that decide its memory."""

    parameters: int
    layers: int
    hidden: int
    kv_heads: int
    head_size: int
    vocabulary: int
    source: str

    @property
    def kv_bytes(self) -> int:
        """Bytes of a token's keys and values in bf16."""
        return 2 * 2 * self.layers * self.kv_heads * self.head_size


@dataclass(frozen=True)
class Need:
    """One number of the estimate."""

    what: str
    amount: str
    formula: str
    source: str


def needs(experiment: Experiment, shape: Shape) -> list[Need]:
    """Return memory per GPU of trainer and engines, then tokens, operations and time of a step of each rl stage."""
    compute, P = experiment.compute, shape.parameters
    ranks = compute.gpus(rollouts=False)
    over = {stage: ranks if compute.zero_stage >= stage else 1 for stage in (1, 2, 3)}
    zero = f"ZeRO {compute.zero_stage}, {ranks} ranks"
    rows = [
        Need("parameters", f"{P / 1e9:.2f} B", "embeddings, attention and feed-forward of all layers", shape.source),
        Need("weights, a GPU", _gib(2 * P / over[3]), f"2 P / {over[3]}; {zero}", ZERO),
        Need("gradients, a GPU", _gib(2 * P / over[2]), f"2 P / {over[2]}; {zero}", ZERO),
        Need("optimizer, a GPU", _gib(12 * P / over[1]), f"12 P / {over[1]}: fp32 weights and two moments", ZERO),
    ]
    stages = {name: stage for name, stage in experiment.stages.items() if isinstance(stage, RlStage)}
    if stages:
        longest = max(stage.max_prompt + stage.max_response for stage in stages.values())
        tokens = compute.max_tokens_per_gpu or compute.micro_batch * longest
        of = "max_tokens_per_gpu" if compute.max_tokens_per_gpu else "micro_batch x (max_prompt + max_response)"
        kept = shape.layers if compute.gradient_checkpointing else 16 * shape.layers
        rows += [
            Need(
                "logits, a GPU", _gib(4 * tokens * shape.vocabulary), f"4 x {tokens:,} tokens ({of}) x vocabulary",
                "OpenRLHF, models/actor.py: logits in float32",
            ),
            Need(
                "activations, a GPU", _gib(2 * kept * tokens * shape.hidden),
                f"2 x {kept} x tokens x hidden size" + ("" if compute.gradient_checkpointing else "; 16 a layer"),
                "one input a layer with gradient checkpointing" if compute.gradient_checkpointing
                else "arXiv 2205.05198, section 4.1, with FlashAttention, rounded",
            ),
            Need("engine's weights, a GPU", _gib(2 * P / compute.tensor_parallel), "2 P / tensor_parallel", ENGINE),
            Need("KV cache, a token", f"{shape.kv_bytes / 1024:.0f} KiB", "4 x layers x KV heads x head size", ENGINE),
        ]  # fmt: skip
    for name, stage in stages.items():
        rows += _step(experiment, name, stage, shape)
    kept_bytes = 14 * P * max(stage.keep_checkpoints for stage in experiment.stages.values()) if stages else 0
    if kept_bytes:
        rows.append(Need("checkpoints of a stage, disk", _gib(kept_bytes), "14 P x keep_checkpoints", ZERO))
    return rows


def _step(experiment: Experiment, name: str, stage: RlStage, shape: Shape) -> list[Need]:
    compute, ranks = experiment.compute, experiment.compute.gpus(rollouts=False)
    rollouts = stage.prompts_per_step * stage.rollouts_per_prompt
    length = stage.max_prompt + stage.max_response
    tokens = rollouts * length
    each_engine = -(-rollouts // compute.engines)
    cache = each_engine * length * shape.kv_bytes / compute.tensor_parallel
    forward, backward = 2 * shape.parameters * tokens, 4 * shape.parameters * tokens
    recomputed = forward if compute.gradient_checkpointing else 0
    train = 2 * forward + backward + recomputed  # log-probabilities before the update, then forward and backward
    trained = train / (ranks * A100_FLOPS * UTILIZATION)
    prefill = 2 * shape.parameters * stage.prompts_per_step * stage.max_prompt
    read = 2 * shape.parameters / compute.tensor_parallel + cache / 2
    sampled = prefill / (compute.engines * compute.tensor_parallel * A100_FLOPS * UTILIZATION)
    sampled += stage.max_response * read / A100_BYTES
    total = stage.steps * (trained + sampled) / 3600
    return [
        Need(
            f"{name}: tokens a step", f"{tokens / 1e6:.2f} M",
            f"{rollouts:,} rollouts x ({stage.max_prompt} + {stage.max_response}) tokens", "the experiment file",
        ),
        Need(
            f"{name}: KV cache of all rollouts, a GPU", _gib(cache),
            f"{each_engine:,} rollouts an engine at full length; vLLM queues what does not fit", ENGINE,
        ),
        Need(f"{name}: operations a step", f"{train / 1e15:.1f} PFLOP", "log-probabilities and the update", SCALING),
        Need(f"{name}: training a step", _time(trained), f"on {ranks} GPUs", A100),
        Need(
            f"{name}: sampling a step, at least", _time(sampled),
            "each token reads the weights and half of the full cache once", A100,
        ),
        Need(f"{name}: whole stage", f"{total:.1f} h", f"{stage.steps} steps, without evaluation and start", A100),
    ]  # fmt: skip


def _gib(number: float) -> str:
    return f"{number / 2**30:,.1f} GiB"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
