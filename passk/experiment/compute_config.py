"""The section `compute` of an experiment: hardware, engines and memory."""

from typing import Literal, Self

from pydantic import Field, model_validator

from passk.experiment.fields import Count, Strict, Text


class Compute(Strict):
    """Hardware and engine settings. The profile `cpu` runs OpenRLHF on the CPU with logical GPUs."""

    profile: Literal["cpu", "gpu"]
    nodes: Count = 1
    gpus_per_node: Count = 1
    engines: Count = Field(1, description="vLLM engines; with colocate, engines x tensor_parallel = all GPUs")
    tensor_parallel: Count = 1
    colocate: bool = Field(False, description="trainer and engines share the GPUs; the engines sleep while it trains")
    zero_stage: int = Field(2, ge=0, le=3)
    micro_batch: Count = Field(64, description="sequences per forward pass")
    max_tokens_per_gpu: Count | None = Field(None, description="tokens of a dynamic batch (default: fixed batches)")
    packing: bool = False
    gradient_checkpointing: bool = False
    attention: Text = Field("eager", description="HF's attn_implementation")
    memory_utilization: float = Field(0.6, gt=0, lt=1, description="vLLM's share of a GPU's memory")
    kv_cache_gib: Count = Field(1, description="vLLM's KV cache on a CPU, in whole GiB")
    threads: Count = Field(2, description="CPU threads of each process that computes")
    stall_timeout_s: Count = Field(1800, description="seconds without a step after which a stage counts as hung")
    deterministic: bool = Field(False, description="a resumed run gives the same bits as an undisturbed one")
    max_parallel_stages: Count = Field(1, description="independent stages that train at once")

    @model_validator(mode="after")
    def _trainer_and_engines_fit(self) -> Self:
        gpus = self.nodes * self.gpus_per_node
        if self.colocate and self.engines * self.tensor_parallel != gpus:
            raise ValueError(
                f"colocate needs engines x tensor_parallel = all {gpus} GPUs, "
                f"not {self.engines} x {self.tensor_parallel}; set engines to {gpus // self.tensor_parallel}"
            )
        if self.colocate and not self.zero_stage:
            raise ValueError("colocate needs an optimizer that can be offloaded; set zero_stage to 1, 2 or 3")
        if self.max_tokens_per_gpu and self.zero_stage != 3:
            raise ValueError(
                "max_tokens_per_gpu needs zero_stage 3, since DeepSpeed otherwise uses only the last dynamic batch of "
                "a step; set zero_stage to 3, or remove max_tokens_per_gpu"
            )
        return self

    def gpus(self, *, rollouts: bool) -> int:
        """Return the GPUs that a stage needs; on a CPU they are logical. rollouts: whether it needs engines too."""
        trainers = self.nodes * self.gpus_per_node
        return trainers if self.colocate or not rollouts else trainers + self.engines * self.tensor_parallel
