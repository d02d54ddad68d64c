"""Derive the rehearsal of an experiment: the same graph of stages and evaluations, small enough for CPUs and minutes.

Stages, templates, verifiers, benchmarks, schedules, trackers and the report stay. A tiny model replaces the model, and
problems, prompts, rollouts, lengths and steps are cut down. Ranks and engines stay as far as the cores suffice.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from passk.base.errors import PasskError
from passk.experiment import config
from passk.experiment.config import Experiment
from passk.experiment.selection import held_out_ks
from passk.experiment.stage import RlStage, SftStage

STEPS, RESPONSE, SAMPLES, ROLLOUTS = 2, 16, 4, 4
"""Most steps of a stage, tokens of a response and samples per problem; rollouts per prompt if the estimator allows."""
PROBLEMS = {"train": 32, "test": 4}
"""Most problems of a set, by split."""
BYTES = 8
"""Bytes per token, at most, of the text that a tokenizer reads. A stand-in tokenizer has a token for each byte."""
_PREFIX = "rehearsal-"
_LONGEST_NAME = 64
# Reasons by a pattern of the field. The first that fits counts.
_REASONS = {
    "name": "a rehearsal has a directory of its own",
    "rehearses": "marks the rehearsal in its records, its keys and its report",
    "model.*": "a tiny model with random weights",
    "problems.*": "fewer problems",
    "stages.*.steps": "two steps, or one for each k and estimator of the schedules",
    "stages.*.save_every": "a checkpoint after each step",
    "stages.*.evaluate_every": "an evaluation after each step",
    "stages.*.warmup": "no longer than the stage",
    "stages.*.prompts_per_step": "the fewest that the ranks divide, two optimizer steps if the experiment has several",
    "stages.*.mini_batch_prompts": "as many prompts as ranks",
    "stages.*.rollouts_per_prompt": "the fewest that the estimator takes",
    "stages.*.max_prompt": "tokens of the stand-in's tokenizer are bytes",
    "stages.*.max_length": "tokens of the stand-in's tokenizer are bytes",
    "*.max_response": "short responses",
    "require.*": "a model with random weights meets no bound",
    "stages.*.overlong.buffer": "short responses",
    "stages.*.stop_when.evaluations": "as many evaluations as the stage has",
    "benchmarks.*.samples": "fewer samples",
    "benchmarks.*.k*": "no k above the number of samples",
    "compute.profile": "CPUs instead of GPUs",
    "compute.nodes": "one machine",
    "compute.gpus_per_node": "as many ranks as cores",
    "compute.engines": "as many engines as cores",
    "compute.colocate": "engines that sleep need CUDA's memory pool",
    "compute.tensor_parallel": "one process an engine",
    "compute.micro_batch": "several micro-batches in a small batch",
    "compute.max_tokens_per_gpu": "the longest sequence of the rehearsal",
    "compute.threads": "one thread a process",
    "compute.*": "has no effect on a CPU",
    "trackers.*": "no result of a rehearsal reaches a tracker's server",
}


@dataclass(frozen=True)
class Change:
    """A field that differs between an experiment and its rehearsal."""

    field: str
    real: str
    rehearsed: str
    reason: str


def rehearsal(
    experiment: Experiment, *, cores: int, model: str = "", own_tokenizer: bool = False, trackers: str = ""
) -> Experiment:
    """Return the rehearsal of an experiment on a machine with `cores` cores.

    model: directory of the stand-in for a HF model. own_tokenizer: whether the stand-in has the model's own tokenizer;
    otherwise lengths are in bytes. trackers: URI of the store that replaces MLflow's server.
    """
    raw = experiment.model_dump(mode="json", by_alias=True)
    ranks = min(experiment.compute.nodes * experiment.compute.gpus_per_node, cores)
    scale = 1 if own_tokenizer or experiment.model.tiny else BYTES
    raw |= {"name": _name(experiment.name), "rehearses": experiment.name, "require": None}
    if experiment.model.path:
        raw["model"] |= {"path": model, "trust_remote_code": False}
    for spec in raw["problems"].values():
        spec["size"] = min(spec["size"] or PROBLEMS[spec["split"]], PROBLEMS[spec["split"]])
        if "pass_rate" in spec:
            spec["pass_rate"] = [0.0, 1.0]  # a model with random weights solves nothing
    for name, benchmark in experiment.benchmarks.items():
        samples = min(benchmark.samples, SAMPLES)
        raw["benchmarks"][name] |= {
            "samples": samples,
            "k": [k for k in benchmark.k if k <= samples] or [1],
            "max_response": min(benchmark.max_response, RESPONSE),
        }
    for name, stage in experiment.stages.items():
        is_rl = isinstance(stage, RlStage)
        raw["stages"][name] |= _rl(stage, raw["benchmarks"], ranks, scale) if is_rl else _sft(stage, ranks, scale)
    raw["compute"] |= _compute(experiment, raw["stages"], ranks, cores)
    if raw["trackers"] and raw["trackers"].get("mlflow"):
        raw["trackers"]["mlflow"]["uri"] = trackers
    return config.parse(raw)


def changes(experiment: Experiment, rehearsed: Experiment) -> list[Change]:
    """Return every field that differs, in the order of the experiment file."""
    real, other = (dict(_flat("", each.model_dump(mode="json", by_alias=True))) for each in (experiment, rehearsed))
    fields = dict.fromkeys([*real, *other])
    return [
        Change(field, _text(real.get(field)), _text(other.get(field)), _reason(field))
        for field in fields
        if real.get(field) != other.get(field)
    ]


def longest(rehearsed: Experiment) -> int:
    """Return the tokens that the stand-in of a HF model must hold: the longest prompt and the longest response."""
    rl = [stage for stage in rehearsed.stages.values() if isinstance(stage, RlStage)]
    sft = [stage.max_length for stage in rehearsed.stages.values() if isinstance(stage, SftStage) and stage.max_length]
    prompt = max([1024 * BYTES, *sft, *(stage.max_prompt for stage in rl)])
    return prompt + max(each.max_response for each in (*rl, *rehearsed.benchmarks.values()))


def _name(name: str) -> str:
    """Return the name of a rehearsal. A hash keeps the names of two experiments apart where a name is cut."""
    whole = f"{_PREFIX}{name}"
    if len(whole) <= _LONGEST_NAME:
        return whole
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{whole[: _LONGEST_NAME - len(mark) - 1]}-{mark}"


def _sft(stage: SftStage, ranks: int, scale: int) -> dict[str, Any]:
    """Return the fields of a supervised stage: two sequences a rank and step, and a checkpoint after each step."""
    steps = min(stage.steps, STEPS)
    length = {"max_length": stage.max_length * scale} if stage.max_length else {}
    return {"steps": steps, "warmup": min(stage.warmup, 1), "save_every": 1, "batch_size": 2 * ranks, **length}


def _rl(stage: RlStage, benchmarks: dict[str, Any], ranks: int, scale: int) -> dict[str, Any]:
    """Return the fields of an rl stage: every k and estimator of its schedules, at most two optimizer steps a step.

    benchmarks: those of the rehearsal.
    """
    starts = sorted({step for step, _ in (*stage.k.changes, *stage.advantage.changes) if step <= stage.steps})
    steps = max(min(stage.steps, STEPS), len(starts))
    ks = _changing([[step, stage.k.at(start)] for step, start in enumerate(starts, 1)])
    rollouts = _rollouts(stage)
    mini_batch = stage.mini_batch_prompts if stage.mini_batch_prompts != stage.prompts_per_step else None
    fields: dict[str, Any] = {
        "steps": steps,
        "warmup": min(stage.warmup, 1),
        "save_every": 1,
        "k": ks[0][1] if len(ks) == 1 else ks,
        "advantage": _changing([[step, stage.advantage.at(start)] for step, start in enumerate(starts, 1)]),
        "prompts_per_step": 2 * ranks if mini_batch else ranks,
        "mini_batch_prompts": ranks if mini_batch else None,
        "rollouts_per_prompt": rollouts,
        "max_prompt": stage.max_prompt * scale,
        "max_response": min(stage.max_response, RESPONSE),
    }
    if stage.overlong:
        overlong = stage.overlong.model_dump(mode="json")
        fields["overlong"] = overlong | {"buffer": min(stage.overlong.buffer, RESPONSE)}
    if stage.until:
        until = stage.until.model_dump(mode="json")
        fields["until"] = until | {"window": min(stage.until.window, steps)}
    if stage.evaluate_every:
        fields["evaluate_every"] = 1
    if stage.evaluate_samples:
        fields["evaluate_samples"] = min(stage.evaluate_samples, SAMPLES)
    if stage.evaluate_last:
        fields["evaluate_last"] = min(stage.evaluate_last, steps)
    for name in ("keep_best", "stop_when"):
        if selection := getattr(stage, name):
            samples = fields.get("evaluate_samples") or SAMPLES
            k = max(k for k in held_out_ks(samples, benchmarks[selection.benchmark]["k"]) if k <= selection.k)
            fields[name] = selection.model_dump(mode="json", by_alias=True) | {"k": k}
    if stage.stop_when:
        fields["stop_when"]["evaluations"] = min(stage.stop_when.evaluations, steps)
    return fields


def _changing(schedule: list[list[Any]]) -> list[list[Any]]:
    """Return the entries that differ from the one before them."""
    return [entry for place, entry in enumerate(schedule) if place == 0 or entry[1] != schedule[place - 1][1]]


def _rollouts(stage: RlStage) -> int:
    """Return the fewest rollouts per prompt, a doubling of ROLLOUTS, with which every estimator takes every k."""
    largest, rollouts = max(k for _, k in stage.k.within(stage.steps)), ROLLOUTS
    while rollouts < stage.rollouts_per_prompt:
        if largest < rollouts:
            try:
                stage.advantage.check(stage.k, stage.steps, rollouts, stage.options)
                return rollouts
            except PasskError:
                pass
        rollouts *= 2
    return stage.rollouts_per_prompt


def _compute(experiment: Experiment, stages: dict[str, Any], ranks: int, cores: int) -> dict[str, Any]:
    compute = experiment.compute
    rl = [stage for stage in stages.values() if stage["kind"] == "rl"]
    even = all(stage["rollouts_per_prompt"] % 2 == 0 for stage in rl)
    fields: dict[str, Any] = {
        "profile": "cpu",
        "nodes": 1,
        "gpus_per_node": ranks,
        "engines": min(compute.engines, cores),
        "tensor_parallel": 1,
        "colocate": False,
        "micro_batch": min(compute.micro_batch, 2 if even else 1),
        "threads": 1,
        "kv_cache_gib": 1,
        "max_parallel_stages": 1,
    }
    if compute.max_tokens_per_gpu and rl:
        tokens = max(stage["max_prompt"] + stage["max_response"] for stage in rl)
        fields["max_tokens_per_gpu"] = tokens
    return fields


def _flat(field: str, content: Any) -> Iterator[tuple[str, Any]]:
    """Yield (dotted field, value) of every value that is no mapping."""
    if isinstance(content, dict) and content:
        for name, value in content.items():
            yield from _flat(f"{field}.{name}".lstrip("."), value)
    else:
        yield field, content


def _text(value: Any) -> str:
    return "-" if value is None else str(value)


def _reason(field: str) -> str:
    return next((reason for pattern, reason in _REASONS.items() if fnmatchcase(field, pattern)), "a run of minutes")
