"""Checks of an experiment before anything is started or written. Each error is one line."""

import os
import shutil
from pathlib import Path
from typing import Any

import psutil

from passk import advantage, problems, trackers
from passk.base import gpus
from passk.base.errors import ConfigError, nearest, under
from passk.base.redact import is_secret
from passk.experiment import config, lr_scaling, yaml_file
from passk.experiment.config import Compute, Experiment, RlStage, TinyModel
from passk.experiment.plan import order
from passk.files import temporary
from passk.files.layout import BASE
from passk.models import remote_code
from passk.models.tiny import fetch_tokenizer, from_the_hub

GIB = 2**30
TAKEN = {"stages": (BASE, "evaluate"), "benchmarks": ("all",)}
"""Reserved names: records and reports use them for the base model, the evaluation and all benchmarks together."""
# Memory of the processes of a CPU run without the KV cache: measured, see README ("Speed and size").
CPU_RUN_GIB = 5.0


def load(path: str | Path) -> Experiment:
    """Read and check an experiment file. Raise ConfigError: one line with file, line, field, fault and fix."""
    source = yaml_file.read(path)
    experiment = config.parsed(source)
    with source.located():
        check(experiment)
    return experiment


def check(experiment: Experiment) -> None:
    """Raise ConfigError for the first field of the experiment that cannot work or must not be in it."""
    _no_secret("", experiment.model_dump(mode="json", by_alias=True))
    for name, spec in experiment.problems.items():
        with under(f"problems.{name}"):
            problems.check(spec)
    order(experiment)
    for field, names in TAKEN.items():
        for name in sorted(set(names) & set(getattr(experiment, field))):
            raise ConfigError(f"{field}.{name}: is a reserved name in reports; choose another one")
    for name, stage in experiment.stages.items():
        _known_problems(experiment, f"stages.{name}.problems", stage.problems, split="train")
        if isinstance(stage, RlStage):
            _check_rl(experiment, name, stage)
        elif experiment.compute.nodes > 1:
            raise ConfigError(f"stages.{name}.kind: sft trains on one node; set compute.nodes to 1")
        elif stage.batch_size % (experiment.compute.nodes * experiment.compute.gpus_per_node):
            raise ConfigError(
                f"stages.{name}.batch_size: {stage.batch_size} is not a multiple of the number of GPUs; make it one"
            )
    for name, benchmark in experiment.benchmarks.items():
        _known_problems(experiment, f"benchmarks.{name}.problems", benchmark.problems, split="test")
        if benchmark.temperature == 0 and benchmark.samples > 1:
            raise ConfigError(
                f"benchmarks.{name}.samples: at temperature 0 all {benchmark.samples} samples are identical; "
                "set samples to 1, or temperature above 0"
            )
    if experiment.model.tiny:
        _fits_model(experiment, experiment.model.tiny)


def _no_secret(field: str, content: Any) -> None:
    """Raise ConfigError for a key or password, since records, reports and dashboards show the experiment."""
    if isinstance(content, dict):
        for key, value in content.items():
            _no_secret(f"{field}.{key}".lstrip("."), value)
    elif isinstance(content, list):
        for value in content:
            _no_secret(field, value)
    elif isinstance(content, str) and is_secret(content):
        raise ConfigError(f"{field}: contains a key or a password, which logs and reports would show; remove it")


def check_machine(experiment: Experiment) -> None:
    """Raise ConfigError if this machine lacks something that the experiment needs."""
    check_installation(experiment)
    check_memory(experiment.compute)


def check_installation(experiment: Experiment) -> None:
    """Raise ConfigError as `check_machine` does, but only for what does not depend on the machine's load."""
    compute = experiment.compute
    temporary.require_short(ray=bool(experiment.stages) and "RAY_ADDRESS" not in os.environ)
    trackers.require(experiment)
    if experiment.model.path:
        _model_is_there(experiment.model.path, trusted=experiment.model.trust_remote_code)
    if compute.nodes > 1 and "RAY_ADDRESS" not in os.environ:
        raise ConfigError(
            f"compute.nodes: {compute.nodes} nodes need a running Ray cluster; set RAY_ADDRESS to it, or nodes to 1"
        )
    if compute.profile == "gpu" and "RAY_ADDRESS" not in os.environ:
        _gpus_are_there(experiment)
    if compute.profile == "cpu" and shutil.which("c++") is None:
        raise ConfigError("compute.profile: cpu needs a C++ compiler for DeepSpeed; install g++ or clang++")


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
                f"compute.max_parallel_stages: {compute.max_parallel_stages} stages of {each} each do not fit in the "
                f"{available:.1f} GiB of free memory; train fewer at once or free memory"
            )
        raise ConfigError(
            f"compute.kv_cache_gib: {each} "
            f"do not fit in the {available:.1f} GiB of free memory; lower it or free memory"
        )


def _gpus_are_there(experiment: Experiment) -> None:
    """Raise ConfigError for missing GPUs, since Ray would wait for them until the stage counts as hung."""
    compute, visible = experiment.compute, gpus.visible()
    if visible < (needed := experiment.gpus * compute.max_parallel_stages):
        engines = ", including the engines'," if experiment.gpus > compute.nodes * compute.gpus_per_node else ""
        raise ConfigError(
            f"compute.gpus_per_node: training at once needs {needed} GPUs{engines} and this machine has {visible}; "
            "lower it, set colocate, or set RAY_ADDRESS to a cluster that has them"
        )


def _model_is_there(path: str, *, trusted: bool) -> None:
    directory = Path(path).expanduser()
    if directory.is_dir():
        if not (directory / "config.json").is_file():
            raise ConfigError(f"model.path: {path} has no config.json; name the directory of a HF model")
        remote_code.check(path, trusted=trusted)
        return
    if path.startswith((".", "/", "~")) or path.count("/") != 1:
        raise ConfigError(
            f"model.path: the directory {path} does not exist; name a HF model as owner/name or an existing directory"
        )
    with from_the_hub(f"{path} is not a directory, and"):
        files = remote_code.fetch(path)
    if not (files / "config.json").is_file():
        raise ConfigError(f"model.path: {path} has no config.json on the HF hub; name a HF model")
    if not trusted:
        remote_code.refuse(files, model=path)
    fetch_tokenizer(path, trusted=trusted)


def _known_problems(experiment: Experiment, field: str, name: str, *, split: str) -> None:
    if name not in experiment.problems:
        raise ConfigError(f"{field}: problem set {name!r} does not exist{nearest(name, experiment.problems)}")
    if experiment.problems[name].split != split:
        raise ConfigError(f"{field}: {name} is not a {split} set; set problems.{name}.split to {split}")


def _check_rl(experiment: Experiment, name: str, stage: RlStage) -> None:
    compute = experiment.compute
    with under(f"stages.{name}"):
        for _, k in stage.k.within(stage.steps):
            advantage.check(stage.advantage, k, stage.rollouts_per_prompt, stage.options)
        lr_scaling.first_rate(stage)
        if stage.lr != "auto" and stage.base_lr is not None:
            raise ConfigError("base_lr: has no effect if lr is a number; write lr: auto, or remove base_lr")
    if stage.parent is None and experiment.model.tiny:
        raise ConfigError(
            f"stages.{name}.from: is missing, and an untrained model has nothing to reinforce; name an sft stage"
        )
    mini_batch_prompts = stage.mini_batch_prompts or stage.prompts_per_step
    if stage.prompts_per_step % mini_batch_prompts:
        raise ConfigError(
            f"stages.{name}.mini_batch_prompts: {mini_batch_prompts} does not divide "
            f"prompts_per_step = {stage.prompts_per_step}; make it a divisor"
        )
    processes = compute.nodes * compute.gpus_per_node
    if compute.max_tokens_per_gpu:
        if mini_batch_prompts * stage.rollouts_per_prompt % processes:
            raise ConfigError(
                f"stages.{name}.rollouts_per_prompt: the {mini_batch_prompts * stage.rollouts_per_prompt} rollouts "
                f"of an optimizer step are not a multiple of {processes} GPUs, and OpenRLHF would drop some; "
                "make them one"
            )
    elif mini_batch_prompts * stage.rollouts_per_prompt % (compute.micro_batch * processes):
        raise ConfigError(
            f"compute.micro_batch: {compute.micro_batch} sequences on each of {processes} GPUs do not divide "
            f"the {mini_batch_prompts * stage.rollouts_per_prompt} sequences of an optimizer step in stages.{name}; "
            "make it a divisor"
        )


def _fits_model(experiment: Experiment, tiny: TinyModel) -> None:
    kv_bytes = 2 * 2 * tiny.layers * tiny.hidden_size  # keys and values of a token in bf16
    for name, stage in experiment.stages.items():
        if not isinstance(stage, RlStage):
            if stage.max_length and stage.max_length > tiny.max_length:
                raise ConfigError(
                    f"stages.{name}.max_length: {stage.max_length} tokens are more than the {tiny.max_length} of "
                    "model.tiny.max_length; lower the first or raise the second"
                )
            continue
        longest = stage.max_prompt + stage.max_response
        if longest > tiny.max_length:
            raise ConfigError(
                f"model.tiny.max_length: {tiny.max_length} tokens are fewer than max_prompt + max_response = "
                f"{longest} of stages.{name}; raise it to {longest}"
            )
        if experiment.compute.kv_cache_gib * GIB < kv_bytes * longest:
            raise ConfigError(
                f"compute.kv_cache_gib: {experiment.compute.kv_cache_gib} GiB cannot hold a response of stages.{name}; "
                f"raise it to {kv_bytes * longest / GIB:.2g} GiB or more ({kv_bytes} bytes per token)"
            )
