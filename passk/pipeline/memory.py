"""Estimates of the memory and the disk that an experiment needs, from the model's size, before anything starts.

Each sequence counts with max_prompt + max_response tokens, or max_length. docs/language-models.md lists the estimates
of several models, and `make real-model` prints measured peaks beside the estimate.
"""

from dataclasses import dataclass

from passk.experiment.compute import Compute
from passk.experiment.config import Experiment
from passk.experiment.model import TinyModel
from passk.experiment.stage import RlStage, SftStage
from passk.models.model_size import ModelSize
from passk.openrlhf.checkpoints import LEAST_KEPT

GIB = 2**30
PROCESSES_GIB = {"cpu": 4.5, "gpu": 1.0}
"""Interpreters and libraries: of all processes of a run on a CPU, and of one process on a GPU with its CUDA context."""
EVALUATION_GIB = 2.5
"""The same of an evaluation on a CPU: the run's process and the engine's."""
STATE_BYTES = 18
"""Of a weight in training: bf16 weight (2) and gradient (2), fp32 copy (4), Adam's two moments (8), and half of a
gradient in fp32, of which DeepSpeed converts a part at a time (2). A CPU without bf16 instructions adds 4: autograd
keeps the fp32 copies that its matrix products use."""
LOGIT_BYTES = 18
"""Of a logit of a micro-batch: bf16 (2), fp32 (4), its gradient (4), and the entropy's softmax and product (8)."""
SAMPLED_BYTES = 32
"""Of a logit in vLLM's sampler: fp32 (4), sorted values and indices (12), probabilities and sums (12), noise (4)."""
ENGINE_SEQUENCES = 256
"""Largest batch of vLLM's engine."""
CHECKPOINT_BYTES = 13.4
"""Of a weight in a checkpoint: weight, fp32 copy and moments, measured."""


@dataclass(frozen=True)
class Estimate:
    """The parts of an estimate in bytes, by what they are."""

    parts: dict[str, float]

    @property
    def gib(self) -> float:
        return sum(self.parts.values()) / GIB

    def __str__(self) -> str:
        shown = ", ".join(f"{name} {size / GIB:.1f}" for name, size in self.parts.items() if size >= 0.05 * GIB)
        return f"{self.gib:.1f} GiB ({shown})"


def tokens(stage: SftStage | RlStage, tiny: TinyModel | None) -> int:
    """Return the longest sequence of a stage in tokens, as far as the experiment says.

    The defaults of max_prompt and max_length are far above the usual prompts, so they do not count.
    """
    if isinstance(stage, RlStage):
        return (stage.max_prompt if "max_prompt" in stage.model_fields_set else 0) + stage.max_response
    return stage.max_length or (tiny.max_length if tiny else 0)


def trainer(size: ModelSize, stage: SftStage | RlStage, experiment: Experiment) -> Estimate:
    """Return the memory of the trainer on one GPU; on a CPU, of one of its processes."""
    compute = experiment.compute
    processes = compute.ranks(rollouts=isinstance(stage, RlStage))
    weights, gradients, optimizer = 2.0, 2.0, STATE_BYTES - 4.0
    converted = 4.0 if compute.profile == "cpu" else 0.0
    if compute.zero_stage >= 1:
        optimizer /= processes
    if compute.zero_stage >= 2:
        gradients /= processes
    if compute.zero_stage == 3:
        weights /= processes
    longest = tokens(stage, experiment.model.tiny)
    batch = compute.micro_batch
    if isinstance(stage, SftStage):
        batch = min(batch, max(1, stage.batch_size // processes))
    together = compute.max_tokens_per_gpu if compute.max_tokens_per_gpu and isinstance(stage, RlStage) else None
    together = max(together or batch * longest, longest)
    trained = _adapter(size, stage.lora.rank) if stage.lora else size.weights
    kept = size.weights + (trained if stage.lora else 0)
    return Estimate(
        {
            "weights and Adam": kept * (weights + converted) + trained * (gradients + optimizer),
            "activations": together * _activations(size, longest, compute),
            "logits": together * size.vocabulary * LOGIT_BYTES,
        }
    )


def _adapter(size: ModelSize, rank: int) -> int:
    """Return the weights of an adapter of all linear layers but the head, of a Llama."""
    attention = 4 * size.hidden_size + 2 * size.head_size * (size.heads + size.kv_heads)
    return size.layers * rank * (attention + 3 * (size.hidden_size + size.feed_forward))


def _activations(size: ModelSize, longest: int, compute: Compute) -> float:
    """Return the bytes of a token's activations: the tensors that autograd keeps of a Llama, counted on torch's device
    "meta" at several sizes.

    On a CPU without bf16 instructions, the inputs of matrix products are kept in fp32 (passk/cpu/matrix_product.py).
    Eager attention keeps its scores twice, in fp32 and as a product's input. Checkpoints keep each layer's input, and
    one layer's tensors.
    """
    if compute.profile == "cpu":
        layer = 44 * size.hidden_size + 10 * size.feed_forward
    else:
        layer = 26 * size.hidden_size + 8 * size.feed_forward
    if compute.attention == "eager" and compute.profile == "cpu":
        layer += 6 * size.heads * size.head_size + 8 * size.heads * longest
    elif compute.attention == "eager":
        layer += 6 * size.heads * longest
    if compute.gradient_checkpointing:
        return 2 * size.layers * size.hidden_size + layer
    return size.layers * layer


def engine(size: ModelSize, sequences: int, *, kv_cache: float, tensor_parallel: int = 1) -> Estimate:
    """Return the memory of an engine on each of its GPUs. sequences: those that it samples at once."""
    rows = min(sequences, ENGINE_SEQUENCES)
    return Estimate(
        {
            "engine's weights": size.weights * 2 / tensor_parallel,
            "KV cache": kv_cache,
            "sampling": rows * size.vocabulary * SAMPLED_BYTES,
        }
    )


def of_stage(size: ModelSize, stage: SftStage | RlStage, experiment: Experiment) -> Estimate:
    """Return the memory of a stage on this machine's CPU, all processes together."""
    compute = experiment.compute
    parts = {"processes": PROCESSES_GIB["cpu"] * GIB}
    processes = compute.ranks(rollouts=isinstance(stage, RlStage))
    parts |= {name: part * processes for name, part in trainer(size, stage, experiment).parts.items()}
    if isinstance(stage, RlStage):
        sequences = stage.prompts_per_step * stage.rollouts_per_prompt // compute.engines
        each = engine(size, sequences, kv_cache=compute.kv_cache_gib * GIB)
        parts |= {name: part * compute.engines for name, part in each.parts.items()}
    return Estimate(parts)


def of_evaluation(size: ModelSize, experiment: Experiment) -> Estimate:
    """Return the memory of the evaluations on this machine's CPU: the run, and one process with an engine."""
    each = engine(size, ENGINE_SEQUENCES, kv_cache=experiment.compute.kv_cache_gib * GIB)
    # transformers holds a copy while it computes the reference of a reloaded checkpoint
    return Estimate({"processes": EVALUATION_GIB * GIB, **each.parts, "reference": size.weights * 2.0})


def about_evaluations(size: ModelSize, experiment: Experiment) -> str:
    """Return the estimate of the evaluations in one line: memory of the CPU's process, or of an engine on each GPU."""
    compute = experiment.compute
    if compute.profile == "cpu":
        return f"memory: about {of_evaluation(size, experiment)}"
    needed = engine(size, ENGINE_SEQUENCES, kv_cache=0, tensor_parallel=compute.tensor_parallel)
    cache = size.kv_bytes / compute.tensor_parallel
    return f"memory of an engine on each GPU: about {needed}, and {cache:,.0f} bytes of KV cache per token"


def disk(size: ModelSize, stage: SftStage | RlStage) -> float:
    """Return the bytes of a stage's files at their peak: its checkpoints and the trained model."""
    trained = _adapter(size, stage.lora.rank) if stage.lora else size.weights
    return trained * CHECKPOINT_BYTES * max(stage.keep_checkpoints, LEAST_KEPT) + 2 * size.weights


def about(size: ModelSize, stage: SftStage | RlStage, experiment: Experiment) -> str:
    """Return the estimates of a stage in one line: memory on each GPU or on the CPU, and disk."""
    if experiment.compute.profile == "cpu":
        needed, where = of_stage(size, stage, experiment), "memory"
    else:
        needed, where = trainer(size, stage, experiment), "memory of the trainer on each GPU"
    longest = tokens(stage, experiment.model.tiny)
    return f"{where}: about {needed} for sequences of {longest} tokens; disk: {disk(size, stage) / GIB:.2g} GiB"
