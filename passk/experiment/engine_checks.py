"""Checks of the engine's settings of an rl stage with its other fields. OpenRLHF would ignore them or fail late."""

from passk import advantage
from passk.base.errors import ConfigError, nearest, under
from passk.experiment import method_checks
from passk.experiment.config import Experiment
from passk.experiment.engine_settings import START
from passk.experiment.stage import RlStage, SftStage

UNBIASED = "--algo.kl.unbiased_gradient"
TENSOR_PARALLEL = "--ds.tensor_parallel_size"


def check(experiment: Experiment, name: str, stage: SftStage | RlStage) -> None:
    """Raise ConfigError for settings of a stage that exclude each other."""
    whole = "lora" if stage.lora else "ema" if isinstance(stage, RlStage) and stage.ema else None
    if whole and experiment.compute.zero_stage == 3:
        raise ConfigError(
            f"stages.{name}.{whole}",
            "needs whole weights on each GPU",
            f"set compute.zero_stage to 2, or remove {whole}",
        )
    if whole and stage.openrlhf.get(TENSOR_PARALLEL, 1) != 1:
        raise ConfigError(
            f"stages.{name}.{whole}", "needs whole weights on each GPU", f"remove {TENSOR_PARALLEL} or {whole}"
        )
    if isinstance(stage, RlStage):
        _check_rl(experiment, name, stage)


def _check_rl(experiment: Experiment, name: str, stage: RlStage) -> None:
    if stage.lora and stage.ema:
        raise ConfigError(
            f"stages.{name}.ema", "averages all weights, and lora trains an adapter", "remove one of them"
        )
    if stage.filter_groups:
        _check_filter(experiment, name, stage)
    if stage.kl:
        _check_kl(experiment, name, stage)
    if stage.method:
        with under(f"stages.{name}.method"):
            method_checks.check(experiment, stage)
    if stage.importance_correction and stage.loss and stage.loss.type == "gspo":
        raise ConfigError(
            f"stages.{name}.importance_correction",
            "OpenRLHF applies no bounds to gspo",
            "remove it, or set loss.type to ppo",
        )
    if stage.overlong:
        _check_overlong(name, stage)
    if stage.importance_correction and stage.top_p < 1:
        raise ConfigError(
            f"stages.{name}.importance_correction",
            f"vLLM's probabilities are those within top_p = {stage.top_p:g}, and the trainer's those of all tokens",
            "set top_p to 1",
        )


def _check_kl(experiment: Experiment, name: str, stage: RlStage) -> None:
    assert stage.kl
    earlier = _ancestors(experiment, stage)
    if stage.kl.reference not in (START, *earlier):
        raise ConfigError(
            f"stages.{name}.kl.reference",
            f"{stage.kl.reference} is not a stage that {name} comes from",
            nearest(stage.kl.reference, [START, *earlier]),
        )
    if stage.kl.place == "loss" and stage.kl.estimator == "k1" and stage.openrlhf.get(UNBIASED) is not True:
        raise ConfigError(
            f"stages.{name}.kl.estimator",
            "the gradient of k1 in the loss is zero on average",
            f"set it to k2 or k3, set in to reward, or add {UNBIASED} to openrlhf",
        )
    if stage.openrlhf.get(UNBIASED) and stage.kl.place != "loss":
        raise ConfigError(f"stages.{name}.openrlhf.{UNBIASED}", "has no effect in the reward", "remove it")


def _check_filter(experiment: Experiment, name: str, stage: RlStage) -> None:
    if experiment.compute.deterministic:
        raise ConfigError(
            f"stages.{name}.filter_groups",
            "samples an unknown number of prompts, so no run is reproducible",
            "remove it, or compute.deterministic",
        )
    if graded := next((each for each in stage.advantage.names if advantage.get(each).graded), None):
        raise ConfigError(
            f"stages.{name}.filter_groups",
            f"keeps groups by their rewards of 1, and {graded} learns from the spread of graded rewards",
            "remove it, or choose another estimator",
        )
    k = max(k for _, k in stage.k.within(stage.steps))
    if k >= stage.rollouts_per_prompt:
        raise ConfigError(
            f"stages.{name}.filter_groups",
            f"a group of {stage.rollouts_per_prompt} rollouts cannot have a correct one and k = {k} incorrect ones",
            f"raise rollouts_per_prompt to {k + 1} or more",
        )


def _check_overlong(name: str, stage: RlStage) -> None:
    assert stage.overlong
    if stage.overlong.buffer > stage.max_response:
        raise ConfigError(
            f"stages.{name}.overlong.buffer",
            f"{stage.overlong.buffer} tokens are more than max_response",
            f"lower it to {stage.max_response} or less",
        )
    estimators = [
        each
        for name in stage.advantage.names
        for each in (name, stage.advantage.options(name, stage.options).get("base"))
        if each is not None
    ]
    if binary := next((each for each in estimators if advantage.get(each).binary), None):
        raise ConfigError(
            f"stages.{name}.overlong",
            f"{binary} takes rewards of 0 and 1 alone, which a penalty changes",
            "remove it, set mask_truncated, or choose an estimator of any reward such as grpo or passk_bootstrap",
        )


def _ancestors(experiment: Experiment, stage: RlStage) -> list[str]:
    """Return the names of the stages that a stage comes from, its parent first."""
    names: list[str] = []
    parent = stage.parent
    while parent is not None:
        names.append(parent)
        parent = experiment.stages[parent].parent
    return names
