"""Check what an experiment needs of this machine, before anything is started or written."""

import os
import shutil
from pathlib import Path

from passk import trackers
from passk.base import gpus
from passk.base.errors import ConfigError
from passk.experiment.config import Experiment
from passk.files import temporary
from passk.models import remote_code
from passk.models.tiny import fetch_tokenizer, from_the_hub
from passk.openrlhf import passthrough
from passk.pipeline import capacity, endpoint_check

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "tekken.json")
"""Files of which a model's directory has at least one if it has a tokenizer."""


def check_machine(experiment: Experiment) -> None:
    """Raise ConfigError if this machine lacks something that the experiment needs."""
    check_installation(experiment)
    if not experiment.engine:
        capacity.check_memory(experiment)


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
    capacity.check_context(experiment, capacity.size_of(experiment))
    if compute.nodes > 1 and "RAY_ADDRESS" not in os.environ:
        raise ConfigError(
            "compute.nodes", f"{compute.nodes} nodes need a running Ray cluster", "set RAY_ADDRESS to it, or nodes to 1"
        )
    if compute.profile == "gpu" and "RAY_ADDRESS" not in os.environ:
        _gpus_are_there(experiment)
    if compute.profile == "cpu" and shutil.which("c++") is None:
        raise ConfigError("compute.profile", "cpu needs a C++ compiler for DeepSpeed", "install g++ or clang++")


def _gpus_are_there(experiment: Experiment) -> None:
    """Raise ConfigError for missing GPUs, since Ray would wait for them until the stage counts as hung."""
    compute, visible = experiment.compute, gpus.visible()
    if visible < (needed := experiment.gpus * compute.max_parallel_stages):
        engines = ", including the engines'," if experiment.gpus > compute.ranks(rollouts=True) else ""
        raise ConfigError(
            "compute.gpus_per_node",
            f"training at once needs {needed} GPUs{engines} and this machine has {visible}",
            "lower it, set colocate, or set RAY_ADDRESS to a cluster that has them",
        )
    if gib := gpus.memory_gib():
        capacity.check_gpus(experiment, gib)


def _model_is_there(path: str, *, trusted: bool) -> None:
    directory = Path(path).expanduser()
    if directory.is_dir():
        if not (directory / "config.json").is_file():
            raise ConfigError("model.path", f"{path} has no config.json", "name the directory of a HF model")
        if not any((directory / name).is_file() for name in _TOKENIZER_FILES):
            raise ConfigError(
                "model.path",
                f"{path} has no tokenizer ({_TOKENIZER_FILES[0]})",
                "copy the tokenizer's files of the model into it",
            )
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
