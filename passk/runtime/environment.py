"""Environment variables of training and evaluation processes, by profile."""

import os
import re
from collections.abc import Mapping

from passk.cpu import ENVIRONMENT_SWITCH, operators
from passk.experiment.compute import Compute
from passk.runtime import loopback
from passk.runtime.ports import free_port

# These variables turn telemetry off. A user who wants telemetry sets the variable.
QUIET = {
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}

# Variables that a training job receives from the submitting process. Ray's dashboard shows them, so this is an
# allowlist. Secrets (HF_TOKEN, WANDB_API_KEY) belong in the environment of the cluster's nodes, or in the files
# where the Hub and W&B keep them.
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
_SERVER = "PREFECT_"
"""Begin of the variables of the Prefect server, in any case. Training does not use it, and some are secrets."""
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")


def be_quiet() -> None:
    """Turn telemetry off in this process and its children, unless the user has turned it on.

    Call it before Prefect is imported: Prefect reads the variable at import.
    """
    for name, value in (*QUIET.items(), ("PREFECT_SERVER_ANALYTICS_ENABLED", "false")):
        os.environ.setdefault(name, value)


def passed_on(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a training job receives: PASSED_ON and vLLM's own, without secrets."""
    return {
        name: value
        for name, value in variables.items()
        if name in PASSED_ON or (name.startswith("VLLM_") and not _SECRET.search(name))
    }


def environment(compute: Compute) -> dict[str, str]:
    """Return this process's environment with the variables of the profile."""
    variables = {
        **QUIET,
        # DeepSpeed compiles an operator at its first use, with the ninja beside this Python. passk removes the locks
        # that killed processes leave in this directory.
        "TORCH_EXTENSIONS_DIR": str(operators.DIRECTORY),
        **{name: value for name, value in os.environ.items() if not name.upper().startswith(_SERVER)},
        "PATH": operators.path(os.environ),
        "PYTHONUNBUFFERED": "1",
    }
    if "RAY_ADDRESS" not in os.environ:
        variables |= loopback.ENVIRONMENT
    if compute.profile == "cpu":
        variables |= {
            ENVIRONMENT_SWITCH: "1",
            "DS_ACCELERATOR": "cpu",
            "TORCH_EXTENSIONS_DIR": str(operators.DIRECTORY),
            "OMP_NUM_THREADS": str(compute.threads),
            "VLLM_CPU_KVCACHE_SPACE": str(compute.kv_cache_gib),
            # vLLM's engine spins while it waits for its worker process, which occupies one core.
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            # Otherwise vLLM compiles two small functions at the first request: 20 s a process without a gain.
            "TORCHDYNAMO_DISABLE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # two runs on one machine must not be bound to the same core
            # Spinning threads compete with other processes for their core. Evaluation beside one busy process on two
            # cores was nine times slower (docs/openrlhf.md).
            "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
            # glibc requests huge pages. Every operation allocates a new tensor, and on some virtual machines mapping
            # its 4 KiB pages takes longer than computing its values (docs/openrlhf.md).
            "GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
        }
        # On any other cluster an engine may be on another node than the trainer. Such a cluster names its interface, or
        # Gloo takes that of the host's name.
        if loopback.is_loopback(os.environ.get("RAY_ADDRESS", "").rpartition("//")[2].rpartition(":")[0]):
            variables.setdefault("GLOO_SOCKET_IFNAME", "lo")
    return variables


def single_process() -> dict[str, str]:
    """Return the variables that a launcher sets for a torch.distributed job of one process."""
    return {
        "RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
