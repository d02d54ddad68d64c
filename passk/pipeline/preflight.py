"""Check what an experiment needs of this machine, before anything is started or written."""

import os
import shutil
from pathlib import Path

import psutil

from passk import trackers
from passk.base import gpus
from passk.base.errors import ConfigError
from passk.experiment.compute import Compute
from passk.experiment.config import Experiment
from passk.files import temporary
from passk.models import remote_code
from passk.models.tiny import fetch_tokenizer, from_the_hub
from passk.openrlhf import passthrough
from passk.pipeline import endpoint_check

GIB = 2**30
# What the processes of a CPU run take beside the KV cache: measured, see README ("Speed and size").
CPU_RUN_GIB = 5.0


def check_machine(experiment: Experiment) -> None:
    """Raise ConfigError if this machine lacks something that the experiment needs."""
    check_installation(experiment)
    if not experiment.engine:
        check_memory(experiment.compute)


def check_installation(experiment: Experiment) -> None:
    """Raise ConfigError as `check_machine` does, but only for what does not depend on the machine's load."""
    compute = experiment.compute
    passthrough.check(experiment)
    temporary.require_short(ray=bool(experiment.stages) and "RAY_ADDRESS" not in os.environ)
    trackers.require(experiment)
    if experiment.engine:
        endpoint_check.require(experiment.engine)
        return
    if experiment.model.path:
        _model_is_there(experiment.model.path, trusted=experiment.model.trust_remote_code)
    if compute.nodes > 1 and "RAY_ADDRESS" not in os.environ:
        raise ConfigError(
            "compute.nodes", f"{compute.nodes} nodes need a running Ray cluster", "set RAY_ADDRESS to it, or nodes to 1"
        )
    if compute.profile == "gpu" and "RAY_ADDRESS" not in os.environ:
        _gpus_are_there(experiment)
    if compute.profile == "cpu" and shutil.which("c++") is None:
        raise ConfigError("compute.profile", "cpu needs a C++ compiler for DeepSpeed", "install g++ or clang++")


def check_memory(compute: Compute) -> None:
    """Raise ConfigError if training on a CPU does not fit in the memory that is free now."""
    if compute.profile != "cpu":
        return
    available = psutil.virtual_memory().available / GIB
    needed = compute.max_parallel_stages * (CPU_RUN_GIB + compute.kv_cache_gib)
    if available < needed:
        each = f"{compute.kv_cache_gib} GiB and about {CPU_RUN_GIB:g} GiB for the processes"
        if compute.max_parallel_stages > 1:
            raise ConfigError(
                "compute.max_parallel_stages",
                (
                    f"{compute.max_parallel_stages} stages of {each} each do not fit in the {available:.1f} GiB of "
                    "free memory"
                ),
                "train fewer at once or free memory",
            )
        raise ConfigError(
            "compute.kv_cache_gib",
            f"{each} do not fit in the {available:.1f} GiB of free memory",
            "lower it or free memory",
        )


def _gpus_are_there(experiment: Experiment) -> None:
    """Raise ConfigError for missing GPUs, since Ray would wait for them until the stage counts as hung."""
    compute, visible = experiment.compute, gpus.visible()
    if visible < (needed := experiment.gpus * compute.max_parallel_stages):
        engines = ", including the engines'," if experiment.gpus > compute.gpus(rollouts=False) else ""
        raise ConfigError(
            "compute.gpus_per_node",
            f"training at once needs {needed} GPUs{engines} and this machine has {visible}",
            "lower it, set colocate, or set RAY_ADDRESS to a cluster that has them",
        )


def _model_is_there(path: str, *, trusted: bool) -> None:
    directory = Path(path).expanduser()
    if directory.is_dir():
        if not (directory / "config.json").is_file():
            raise ConfigError("model.path", f"{path} has no config.json", "name the directory of a HF model")
        remote_code.check(path, trusted=trusted)
        return
    if path.startswith((".", "/", "~")) or path.count("/") != 1:
        raise ConfigError(
            "model.path",
            f"the directory {path} does not exist",
            "name a HF model as owner/name or an existing directory",
        )
    with from_the_hub(f"{path} is not a directory, and"):
        files = remote_code.fetch(path)
    if not (files / "config.json").is_file():
        raise ConfigError("model.path", f"{path} has no config.json on the HF hub", "name a HF model")
    if not trusted:
        remote_code.refuse(files, model=path)
    fetch_tokenizer(path, trusted=trusted)
