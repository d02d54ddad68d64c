"""The environment of a training or sampling process, by profile."""

import os

from passk.config import Compute
from passk.openrlhf.cpu import ENVIRONMENT_SWITCH, operators
from passk.ports import free_port

# None of these reports what it does to its makers; a user who wants that sets the variable.
QUIET = {
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


def environment(compute: Compute) -> dict[str, str]:
    """This process's environment, with what the profile needs."""
    variables = {**QUIET, **os.environ, "PYTHONUNBUFFERED": "1"}
    if compute.profile == "cpu":
        variables |= {
            ENVIRONMENT_SWITCH: "1",
            "DS_ACCELERATOR": "cpu",
            "TORCH_EXTENSIONS_DIR": str(operators.DIRECTORY),
            "PATH": operators.path(os.environ),
            "GLOO_SOCKET_IFNAME": "lo",
            "OMP_NUM_THREADS": str(compute.threads),
            "VLLM_CPU_KVCACHE_SPACE": str(compute.kv_cache_gib),
            # vLLM's engine waits for its worker process by spinning: with two cores that takes one of them
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            # vLLM compiles two small functions at the first request otherwise: 20 s a process for nothing
            "TORCHDYNAMO_DISABLE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # two runs on one machine must not share a core by accident
        }
    return variables


def single_process() -> dict[str, str]:
    """What a launcher would set for a torch.distributed job of one process."""
    return {
        "RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
