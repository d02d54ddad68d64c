"""The `compute:` section of an experiment file."""

from typing import Literal, Self

from pydantic import Field, model_validator

from passk.base import gpus
from passk.base.errors import InvalidError
from passk.experiment.fields import Count, Strict, Text


class Compute(Strict):
    """Where an experiment runs: on CPUs with logical GPUs (`cpu`) or on real GPUs (`gpu`)."""

    profile: Literal["cpu", "gpu"] = Field(description="cpu: OpenRLHF on CPUs with logical GPUs; gpu: real GPUs")
    nodes: Count = Field(1, description="nodes of an rl stage's trainer; an sft stage trains on one node")
    gpus_per_node: Count = Field(1, description="GPUs of the trainer on each node")
    engines: Count = Field(1, description="vLLM engines; with colocate, engines x tensor_parallel = all GPUs")
    tensor_parallel: Count = Field(1, description="GPUs of an engine")
    colocate: bool = Field(False, description="trainer and engines share the GPUs, engines sleep in between")
    zero_stage: int = Field(2, ge=0, le=3, description="ZeRO stage of DeepSpeed")
    micro_batch: Count = Field(64, description="sequences per forward pass")
    max_tokens_per_gpu: Count | None = Field(
        None, description="tokens of a dynamic batch on each GPU (default: batches of micro_batch sequences)"
    )
    packing: bool = Field(False, description="pack sequences without padding")
    gradient_checkpointing: bool = Field(False, description="compute activations again instead of keeping them")
    attention: Text = Field("eager", description="HF's attn_implementation")
    memory_utilization: float = Field(0.6, gt=0, lt=1, description="vLLM's share of a GPU's memory")
    kv_cache_gib: Count = Field(1, description="vLLM's KV cache on a CPU; vLLM takes whole GiB")
    threads: Count = Field(2, description="CPU threads of a process that computes")
    stall_timeout_s: Count = Field(1800, description="seconds without a step after which a stage counts as hung")
    deterministic: bool = Field(False, description="the same numbers to the last digit, killed and resumed or not")
    max_parallel_stages: Count = Field(1, description="stages that train at once where they do not need each other")

    @model_validator(mode="after")
    def _fields_fit_each_other(self) -> Self:
        trainer = self.ranks(rollouts=True)
        if self.colocate and self.engines * self.tensor_parallel != trainer:
            raise InvalidError(
                f"colocate needs engines x tensor_parallel = all {trainer} GPUs, "
                f"not {self.engines} x {self.tensor_parallel}",
                f"set engines to {trainer // self.tensor_parallel}",
            )
        if self.colocate and not self.zero_stage:
            raise InvalidError("colocate needs an optimizer that can leave the GPUs", "set zero_stage to 1, 2 or 3")
        if self.max_tokens_per_gpu and self.zero_stage != 3:
            raise InvalidError(
                (
                    "max_tokens_per_gpu needs zero_stage 3: at any other DeepSpeed keeps of a step only the last of "
                    "OpenRLHF's dynamic batches"
                ),
                "set it to 3, or leave max_tokens_per_gpu out",
            )
        return self

    def gpus(self, *, rollouts: bool) -> int:
        """Return the number of GPUs that a stage holds (passk/base/gpus.py)."""
        return gpus.held(dict(self), rollouts=rollouts)

    def ranks(self, *, rollouts: bool) -> int:
        """Return the number of ranks that train a stage (passk/base/gpus.py)."""
        return gpus.ranks(dict(self), rollouts=rollouts)
