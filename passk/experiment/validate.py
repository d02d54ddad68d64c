"""Checks of an experiment before anything is started or written. Each error is one line."""

import itertools
from pathlib import Path
from typing import Any

from passk import advantage, problems, verifiers
from passk.base import plugins
from passk.base.errors import ConfigError, nearest, under
from passk.base.redact import is_secret
from passk.experiment import chat, check_held_out, config, engine_checks, rollout_sets, yaml_file
from passk.experiment.config import Experiment
from passk.experiment.model import TinyModel
from passk.experiment.plan import order
from passk.experiment.stage import RlStage
from passk.files.layout import BASE

GIB = 2**30
TAKEN = {"stages": (BASE, "evaluate"), "benchmarks": ("all",)}
"""Reserved names: records and reports use them for the base model, the evaluation and all benchmarks together."""


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
    chat.check(experiment)
    if experiment.require:
        if experiment.model.tiny:
            raise ConfigError("require.base", "a tiny model has random weights before its stages", "remove require")
        with under("require.base"):
            experiment.require.base.check(experiment.benchmarks)
    for field, names in TAKEN.items():
        for name in sorted(set(names) & set(getattr(experiment, field))):
            raise ConfigError(f"{field}.{name}", "is a reserved name in reports", "choose another one")
    if experiment.compute.colocate and experiment.compute.profile == "cpu":
        problem = "engines that sleep need CUDA's memory pool"
        raise ConfigError("compute.colocate", problem, "set colocate to false, or profile to gpu")
    if experiment.compute.tensor_parallel > 1 and experiment.compute.profile == "cpu":
        problem = "an engine on a CPU is one process"
        raise ConfigError("compute.tensor_parallel", problem, "leave it out and raise engines, or set profile to gpu")
    for name, stage in experiment.stages.items():
        for problem_set in stage.weights:
            field = f"stages.{name}.{'mix' if stage.mix else 'problems'}"
            _known_problems(experiment, field, problem_set, split="train")
        engine_checks.check(experiment, name, stage)
        if isinstance(stage, RlStage):
            _check_rl(experiment, name, stage)
        elif stage.batch_size % experiment.compute.ranks(rollouts=False):
            raise ConfigError(
                f"stages.{name}.batch_size",
                f"{stage.batch_size} is not a multiple of the number of GPUs",
                "make it one",
            )
    for name, benchmark in experiment.benchmarks.items():
        _known_problems(experiment, f"benchmarks.{name}.problems", benchmark.problems, split="test")
        if benchmark.temperature == 0 and benchmark.samples > 1:
            raise ConfigError(
                f"benchmarks.{name}.samples",
                f"at temperature 0 all {benchmark.samples} samples are identical",
                "set samples to 1, or temperature above 0",
            )
    check_held_out.of_benchmarks(experiment)
    if experiment.engine:
        _check_engine(experiment)
    if experiment.model.tiny:
        _fits_model(experiment, experiment.model.tiny)


def _check_engine(experiment: Experiment) -> None:
    assert experiment.engine
    if experiment.stages:
        raise ConfigError(
            "engine",
            "an endpoint cannot sample the models of stages",
            "evaluate it in an experiment without stages, and put both in one table with `passk compare`",
        )
    if experiment.compute.deterministic:
        raise ConfigError("compute.deterministic", "an endpoint cannot promise it", "remove it, or remove engine")
    for field in ("chat_template", "chat_options"):
        if field in experiment.model.model_fields_set:
            raise ConfigError(f"model.{field}", "has no effect on an endpoint, which has its own template", "remove it")
    if experiment.model.system_prompt and experiment.engine.api == "completions":
        raise ConfigError("model.system_prompt", "completions have no system message", "set engine.api to chat")


def _no_secret(field: str, content: Any) -> None:
    """Raise ConfigError for a key or password, since records, reports and dashboards show the experiment."""
    if isinstance(content, dict):
        for key, value in content.items():
            _no_secret(f"{field}.{key}".lstrip("."), value)
    elif isinstance(content, list):
        for value in content:
            _no_secret(field, value)
    elif isinstance(content, str) and is_secret(content):
        raise ConfigError(field, "contains a key or a password, which logs and reports would show", "remove it")


def _known_problems(experiment: Experiment, field: str, name: str, *, split: str) -> None:
    if name not in experiment.problems:
        raise ConfigError(field, f"problem set {name!r} does not exist", nearest(name, experiment.problems))
    if experiment.problems[name].split != split:
        raise ConfigError(field, f"{name} is not a {split} set", f"set problems.{name}.split to {split}")


def _check_rl(experiment: Experiment, name: str, stage: RlStage) -> None:
    compute = experiment.compute
    with under(f"stages.{name}"):
        stage.advantage.check(stage.k, stage.steps, stage.rollouts_per_prompt, stage.options)
        judged = rollout_sets.verifiers(experiment, stage.weights)
        for estimator, verifier in itertools.product(stage.advantage.names, sorted(judged)):
            if advantage.get(estimator).graded and not plugins.package(verifiers.GROUP, verifier):
                problem = f"{estimator} needs graded rewards, and the verifier {verifier} gives 0 and 1"
                raise ConfigError("advantage", problem, "choose another estimator, or a verifier of your own")
        if stage.max_prompt + stage.max_response < 3:
            raise ConfigError(  # passk/models/log_probs.py
                "max_response",
                "max_prompt + max_response must be 3 or more, so that vLLM's weights can be compared",
                "raise max_response to 2",
            )
    if stage.until:
        with under(f"stages.{name}.until"):
            stage.until.check(max(k for _, k in stage.k.within(stage.steps)), stage.rollouts_per_prompt)
    check_held_out.of_stage(experiment, name, stage)
    if stage.parent is None and experiment.model.tiny:
        raise ConfigError(
            f"stages.{name}.from", "is missing, and an untrained model has nothing to reinforce", "name an sft stage"
        )
    mini_batch_prompts = stage.mini_batch_prompts or stage.prompts_per_step
    if stage.prompts_per_step % mini_batch_prompts:
        raise ConfigError(
            f"stages.{name}.mini_batch_prompts",
            f"{mini_batch_prompts} does not divide prompts_per_step = {stage.prompts_per_step}",
            "make it a divisor",
        )
    processes = compute.ranks(rollouts=True)
    if compute.max_tokens_per_gpu:
        if mini_batch_prompts * stage.rollouts_per_prompt % processes:
            raise ConfigError(
                f"stages.{name}.rollouts_per_prompt",
                (
                    f"the {mini_batch_prompts * stage.rollouts_per_prompt} rollouts of an optimizer step are not a "
                    f"multiple of {processes} GPUs, and OpenRLHF would drop some"
                ),
                "make them one",
            )
    elif mini_batch_prompts * stage.rollouts_per_prompt % (compute.micro_batch * processes):
        raise ConfigError(
            "compute.micro_batch",
            (
                f"{compute.micro_batch} sequences on each of {processes} GPUs do not divide the "
                f"{mini_batch_prompts * stage.rollouts_per_prompt} sequences of an optimizer step in stages.{name}"
            ),
            "make it a divisor",
        )


def _fits_model(experiment: Experiment, tiny: TinyModel) -> None:
    kv_bytes = 2 * 2 * tiny.layers * tiny.hidden_size  # keys and values of a token in bf16
    for name, stage in experiment.stages.items():
        if not isinstance(stage, RlStage):
            if stage.max_length and stage.max_length > tiny.max_length:
                raise ConfigError(
                    f"stages.{name}.max_length",
                    f"{stage.max_length} tokens are more than the {tiny.max_length} of model.tiny.max_length",
                    "lower the first or raise the second",
                )
            continue
        longest = stage.max_prompt + stage.max_response
        if longest > tiny.max_length:
            raise ConfigError(
                "model.tiny.max_length",
                f"{tiny.max_length} tokens are fewer than max_prompt + max_response = {longest} of stages.{name}",
                f"raise it to {longest}",
            )
        if experiment.compute.kv_cache_gib * GIB < kv_bytes * longest:
            raise ConfigError(
                "compute.kv_cache_gib",
                f"{experiment.compute.kv_cache_gib} GiB cannot hold a response of stages.{name}",
                f"raise it to {kv_bytes * longest / GIB:.2g} GiB or more ({kv_bytes} bytes per token)",
            )
