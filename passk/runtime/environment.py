"""The environment of a training or evaluation process, by profile."""

import os
import re
from collections.abc import Mapping

from passk.cpu import ENVIRONMENT_SWITCH, operators
from passk.experiment.compute import Compute
from passk.runtime import loopback
from passk.runtime.ports import free_port

# None of these reports what it does to its makers; a user who wants that sets the variable.
QUIET = {
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}

# What a training job takes with it from whoever submits it. Ray shows it in its dashboard, so it is a list of
# what is known to be harmless; secrets (HF_TOKEN, WANDB_API_KEY) have to stand in the environment in which the
# cluster's nodes were started, or in the files where the Hub and W&B keep them.
PASSED_ON = (
    *QUIET,
    "PASSK_CPU",
    "DS_ACCELERATOR",
    "TORCHDYNAMO_DISABLE",
    "TORCH_EXTENSIONS_DIR",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "GLIBC_TUNABLES",
    "GLOO_SOCKET_IFNAME",
    "HF_HUB_OFFLINE",
    "PYTHONUNBUFFERED",
)
# Training talks to no Prefect server.
SERVER_STRINGS = ("PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")


def be_quiet() -> None:
    """Let this process and those it starts tell the makers of their packages nothing, unless the user wants it.

    Before Prefect is imported, which reads it then.
    """
    for name, value in (*QUIET.items(), ("PREFECT_SERVER_ANALYTICS_ENABLED", "false")):
        os.environ.setdefault(name, value)


def passed_on(variables: Mapping[str, str]) -> dict[str, str]:
    """Those of `variables` that go with a training job: PASSED_ON and vLLM's own, none that names a secret."""
    return {
        name: value
        for name, value in variables.items()
        if name in PASSED_ON or (name.startswith("VLLM_") and not _SECRET.search(name))
    }


def environment(compute: Compute) -> dict[str, str]:
    """This process's environment, with what the profile needs."""
    variables = {
        **QUIET,
        # DeepSpeed compiles an operator when it is first used, by the ninja beside this Python; where `steps` looks for
        # the locks of those who were killed meanwhile.
        "TORCH_EXTENSIONS_DIR": str(operators.DIRECTORY),
        **os.environ,
        "PATH": operators.path(os.environ),
        "PYTHONUNBUFFERED": "1",
    }
    for name in SERVER_STRINGS:
        variables.pop(name, None)
    if "RAY_ADDRESS" not in os.environ:
        variables |= loopback.ENVIRONMENT
    if compute.profile == "cpu":
        variables |= {
            ENVIRONMENT_SWITCH: "1",
            "DS_ACCELERATOR": "cpu",
            "GLOO_SOCKET_IFNAME": "lo",
            "TORCH_EXTENSIONS_DIR": str(operators.DIRECTORY),
            "OMP_NUM_THREADS": str(compute.threads),
            "VLLM_CPU_KVCACHE_SPACE": str(compute.kv_cache_gib),
            # vLLM's engine waits for its worker process by spinning: with two cores that takes one of them
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            # vLLM compiles two small functions at the first request otherwise: 20 s a process for nothing
            "TORCHDYNAMO_DISABLE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # two runs on one machine must not share a core by accident
            # Threads that wait for each other by spinning wait for whatever else wants their core: nine times slower
            # evaluation, measured beside one busy process on two cores (docs/openrlhf.md).
            "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
            # glibc asks Linux for huge pages: a tensor is made anew in every operation, and 4 KiB at a time its pages
            # take longer than its numbers on some virtual machines (docs/openrlhf.md).
            "GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
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
