"""The part of the GPU profile that no CPU test reaches, flag by flag (docs/gpu-coverage.md).

tests/unit/openrlhf/test_gpu_coverage.py compares the flags with those that flags.py builds for both profiles.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """A flag, or a part of an engine without one."""

    flag: str
    """A flag of OpenRLHF; a part without a flag has no leading hyphens."""
    exercised: str
    """What exercises it on a CPU, or "nothing"."""
    unreached: str
    """What no CPU test reaches."""


ROWS = (
    Row(
        "--vllm.sync_backend",
        "`gloo` sends the weights over loopback (tests/integration/test_weights.py)",
        "`nccl`: the transfer of weights between GPUs",
    ),
    Row("--vllm.enforce_eager", "eager execution", "CUDA graphs, which the GPU profile uses"),
    Row("--train.colocate_all", "nothing: refused with `profile: cpu`", "trainer and engines on the same GPUs"),
    Row("--vllm.enable_sleep", "nothing: refused with `profile: cpu`", "engines that release their memory"),
    Row("--ds.enable_sleep", "nothing: refused with `profile: cpu`", "a trainer that moves its states off the GPU"),
    Row(
        "--vllm.gpu_memory_utilization",
        "the flag is parsed; `kv_cache_gib` sets the size of the cache",
        "vLLM's measurement of free memory",
    ),
    Row("--vllm.tensor_parallel_size", "1", "an engine of several GPUs"),
    Row(
        "--actor.num_nodes",
        "1, and 2 in namespaces over Gloo (tests/integration/test_nodes.py)",
        "NCCL between nodes; more than 2 nodes",
    ),
    Row(
        "--actor.num_gpus_per_node",
        "1, 2 and 4 ranks over Gloo (tests/integration/test_ranks.py)",
        "NCCL between the ranks; more than 4 ranks",
    ),
    Row(
        "--vllm.num_engines",
        "1, 2 and 4 engines (tests/integration/test_ranks.py)",
        "more than 4 engines; the placement of engines on GPUs",
    ),
    Row(
        "--ds.zero_stage",
        "0, 2 and 3 (tests/integration/test_ranks.py)",
        "NCCL; overlap of communication and computation",
    ),
    Row(
        "--ds.attn_implementation",
        "`eager`; for `flash_attention_2` PyTorch's attention stands in (tests/integration/test_packing.py)",
        "the kernels of flash-attn",
    ),
    Row(
        "--ds.packing_samples",
        "PyTorch's attention with the mask of the packed row (tests/integration/test_packing.py)",
        "flash-attn's kernels for packed sequences",
    ),
    Row(
        "--train.dynamic_batch_enable",
        "dynamic batches with ZeRO 3 (tests/integration/test_ranks.py)",
        "the memory that they save",
    ),
    Row("--train.max_tokens_per_gpu", "the same", "the largest number that fits in a GPU"),
    Row("--rollout.max_tokens_per_gpu", "the same", "the largest number that fits in a GPU"),
    Row(
        "--actor.gradient_checkpointing_enable",
        "with dynamic batches (tests/integration/test_ranks.py)",
        "the memory that it saves",
    ),
    Row("--model.gradient_checkpointing_enable", "the flag is parsed", "the memory that it saves"),
    Row("optimizer", "DeepSpeed's CPU kernel of Adam (tests/unit/cpu/test_optimizer.py)", "its CUDA kernel of Adam"),
    Row("evaluation", "vLLM's CPU engine, without chunked prefill", "chunked prefill; CUDA graphs; seeded requests"),
    Row("placement", "Ray's logical GPUs", "CUDA_VISIBLE_DEVICES of each actor; GPUs that are taken"),
)
HEAD = ("flag or part", "what exercises it on a CPU", "what no CPU test reaches")


def table() -> str:
    """Return the rows as a Markdown table."""
    named = ((f"`{row.flag}`" if row.flag.startswith("--") else row.flag, *row[1:]) for row in ROWS)
    return "\n".join(f"| {' | '.join(row)} |" for row in (HEAD, ("---",) * 3, *named))
