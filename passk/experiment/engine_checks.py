"""Checks of the engine's settings of an rl stage with its other fields. OpenRLHF would ignore them or fail late."""

from passk.base.errors import ConfigError, nearest
from passk.experiment.config import Experiment
from passk.experiment.engine_settings import START
from passk.experiment.stage import RlStage

UNBIASED = "--algo.kl.unbiased_gradient"


def check(experiment: Experiment, name: str, stage: RlStage) -> None:
    """Raise ConfigError for settings of a stage that exclude each other."""
    if stage.kl:
        _check_kl(experiment, name, stage)
    if stage.importance_correction and stage.loss and stage.loss.type == "gspo":
        raise ConfigError(
            f"stages.{name}.importance_correction",
            "OpenRLHF applies no bounds to gspo",
            "remove it, or set loss.type to ppo",
        )
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


def _ancestors(experiment: Experiment, stage: RlStage) -> list[str]:
    """Return the names of the stages that a stage comes from, its parent first."""
    names: list[str] = []
    parent = stage.parent
    while parent is not None:
        names.append(parent)
        parent = experiment.stages[parent].parent
    return names
