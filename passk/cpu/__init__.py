"""Stand-ins for CUDA, so that the real OpenRLHF runs on a CPU.

They are active only if the environment has PASSK_CPU=1, which the `cpu` profile sets. passk/runtime/worker_setup.py
then installs them in every process of a training run. tests/integration/test_contract_engines.py checks every patched
place of OpenRLHF 0.11.2 and vLLM 0.29.0.
"""

import os

from passk.cpu import device, flash_attn, gathering, matrix_product, optimizer, packing, sampler, start, weights
from passk.cpu.on_import import on_import

ENVIRONMENT_SWITCH = "PASSK_CPU"
_installed = False


def requested() -> bool:
    """Return whether the environment requests the stand-ins."""
    return os.environ.get(ENVIRONMENT_SWITCH) == "1"


def install_if_requested() -> None:
    """Install the stand-ins if the environment requests them, at most once per process."""
    global _installed
    if _installed or not requested():
        return
    _installed = True
    flash_attn.install()
    on_import("cpuinfo", start.cpu_features)
    on_import("transformers.utils.import_utils", start.without_sklearn)
    on_import("torch", device.torch_cuda)
    on_import("torch", matrix_product.matmul)
    on_import("torch.nn.functional", matrix_product.linear)
    on_import("openrlhf.models.actor", packing.actor)
    on_import("openrlhf.trainer.ppo_utils.replay_buffer", device.replay_buffer)
    on_import("openrlhf.utils.deepspeed.deepspeed", device.device_mesh)
    on_import("deepspeed.ops.adam.fused_adam", optimizer.fused_adam)
    on_import("deepspeed.runtime.zero.partition_parameters", gathering.parameters)
    on_import("openrlhf.utils.distributed_util", weights.process_group)
    on_import("openrlhf.trainer.ray.vllm_engine", weights.engine)
    on_import("openrlhf.trainer.ray.vllm_worker_wrap", weights.worker)
    on_import("vllm.v1.worker.cpu_model_runner", weights.model_runner)
    on_import("vllm.v1.sample.ops.topk_topp_sampler", sampler.top_p_sampler)
