"""Check that an experiment fits: its sequences into the model's context, its processes into memory, its files on disk.

Each error has the numbers and what to lower. It comes before anything is started or written.
"""

import shutil
from pathlib import Path

import psutil

from passk.base.errors import ConfigError
from passk.experiment.config import Experiment
from passk.experiment.plan import Plan
from passk.experiment.stage import RlStage
from passk.files import layout
from passk.models.model_size import ModelSize
from passk.pipeline import memory
from passk.pipeline.memory import GIB


def size_of(experiment: Experiment) -> ModelSize | None:
    """Return the size of the experiment's model, None if its files do not say."""
    model = experiment.model
    return ModelSize.of_tiny(model.tiny) if model.tiny else ModelSize.of(str(model.path))


def check_context(experiment: Experiment, size: ModelSize | None) -> None:
    """Raise ConfigError if a stage's sequence is longer than the model's context or than a CPU's KV cache."""
    if experiment.model.tiny or size is None:
        return  # passk/experiment/validate.py checks tiny models
    compute = experiment.compute
    room = compute.kv_cache_gib * GIB // size.kv_bytes
    for name, stage in experiment.stages.items():
        rl = isinstance(stage, RlStage)
        # vLLM allots the whole of both, also where max_prompt is the default.
        longest = stage.max_prompt + stage.max_response if rl else memory.tokens(stage, None)
        field, what = ("max_response", "max_prompt + max_response") if rl else ("max_length", "max_length")
        if size.context and longest > size.context:
            raise ConfigError(
                f"stages.{name}.{field}",
                f"{what} = {longest} tokens are more than the {size.context} of the model's context",
                f"lower it by {longest - size.context}",
            )
        if rl and compute.profile == "cpu" and longest > room:
            raise small_cache(f"stages.{name}", longest, size, compute.kv_cache_gib)


def small_cache(field: str, longest: int, size: ModelSize, gib: int) -> ConfigError:
    """Return the error for a KV cache that is too small for one sequence."""
    return ConfigError(
        "compute.kv_cache_gib",
        f"{gib} GiB cannot hold a sequence of {field}, {longest} tokens",
        f"raise it to {-(-size.kv_bytes * longest // GIB)} GiB or more ({size.kv_bytes} bytes per token)",
    )


def check_memory(experiment: Experiment) -> None:
    """Raise ConfigError if a stage or the evaluation does not fit in the memory of a CPU's machine that is free now."""
    size, compute = size_of(experiment), experiment.compute
    if compute.profile != "cpu" or size is None:
        return
    available = psutil.virtual_memory().available / GIB
    evaluation = memory.of_evaluation(size, experiment)
    if evaluation.gib > available:
        raise ConfigError(
            "compute.kv_cache_gib",
            f"the evaluation needs about {evaluation}, and {available:.1f} GiB are free",
            "lower it, free memory or choose a smaller model",
        )
    for name, stage in experiment.stages.items():
        needed = memory.of_stage(size, stage, experiment)
        if needed.gib > available:
            raise ConfigError(
                _largest(needed),
                f"stages.{name} needs about {needed}, and {available:.1f} GiB are free",
                "lower it, free memory or choose a smaller model",
            )
        if needed.gib * compute.max_parallel_stages > available:
            raise ConfigError(
                "compute.max_parallel_stages",
                f"{compute.max_parallel_stages} stages of about {needed} each do not fit in the "
                f"{available:.1f} GiB of free memory",
                "train fewer at once or free memory",
            )


def _largest(needed: memory.Estimate) -> str:
    """Return the field that lowers the largest part of an estimate."""
    fields = {"activations": "compute.micro_batch", "logits": "compute.micro_batch", "KV cache": "compute.kv_cache_gib"}
    largest = max(needed.parts, key=lambda name: needed.parts[name])
    return fields.get(largest, "model.path")


def check_gpus(experiment: Experiment, gib: float) -> None:
    """Raise ConfigError if the trainer or an engine does not fit on a GPU with `gib` GiB of memory."""
    size, compute = size_of(experiment), experiment.compute
    if size is None:
        return
    share = gib * compute.memory_utilization
    for name, stage in experiment.stages.items():
        needed = memory.trainer(size, stage, experiment)
        if needed.gib + memory.PROCESSES_GIB["gpu"] > gib:
            raise ConfigError(
                _largest(needed),
                f"the trainer of stages.{name} needs about {needed} on each GPU, which has {gib:.0f} GiB",
                "lower it, or raise compute.gpus_per_node or compute.zero_stage",
            )
        if isinstance(stage, RlStage):
            longest = memory.tokens(stage, experiment.model.tiny) * size.kv_bytes / compute.tensor_parallel
            engine = memory.engine(size, 1, kv_cache=longest, tensor_parallel=compute.tensor_parallel)
            if engine.gib > share:
                raise ConfigError(
                    "compute.memory_utilization",
                    f"an engine of stages.{name} needs about {engine} for one response, and "
                    f"{compute.memory_utilization:g} of a GPU is {share:.0f} GiB",
                    "raise it or compute.tensor_parallel",
                )


def check_disk(plan: Plan) -> None:
    """Raise ConfigError if the files of the unfinished stages do not fit on the disk of the runs."""
    size = size_of(plan.experiment)
    unfinished = [planned for planned in plan.stages if not planned.finished]
    if size is None or not unfinished:
        return
    # a finished stage keeps its model only
    each = [memory.disk(size, planned.stage) - _there(planned.directory) for planned in unfinished]
    at_once = sorted(each, reverse=True)[: plan.experiment.compute.max_parallel_stages]
    needed = sum(at_once) + 2 * size.weights * (len(unfinished) - len(at_once))
    place = next(path for path in (plan.directory, *plan.directory.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise ConfigError(
            "runs",
            f"the checkpoints of a stage and the trained models need about {needed / GIB:.1f} GiB "
            f"({memory.CHECKPOINT_BYTES} bytes a weight and checkpoint), and {free / GIB:.1f} GiB "
            "are free",
            "free disk space, lower keep_checkpoints, or name another directory",
        )


def _there(directory: Path) -> int:
    """Return the bytes of a stage's checkpoints that exist already."""
    return sum(file.stat().st_size for file in layout.checkpoints(directory).rglob("*") if file.is_file())
