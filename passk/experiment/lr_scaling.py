"""The learning rate beside k: larger k makes smaller steps, `lr: auto` makes up for it.

An estimator's largest total advantage (passk/advantage/step_size.py) is N for GRPO and less for Pass@k; with `lr: auto`
the rate at each step is `base_lr`, what GRPO would get, times N / max eta of the estimator at that step's k.
"""

from dataclasses import dataclass

from passk.advantage.step_size import lr_scale
from passk.base.errors import ConfigError
from passk.experiment.config import RlStage


@dataclass(frozen=True)
class Scale:
    step: int
    """from which it holds"""
    k: int
    factor: float | None
    """N / max eta; None where the estimator's advantages depend on more than rewards"""


def scales(stage: RlStage) -> list[Scale]:
    """One for every k of the stage. Raises ConfigError where the estimator is not defined for one of them."""
    changes = stage.k.within(stage.steps)
    return [
        Scale(step, k, lr_scale(stage.advantage, stage.rollouts_per_prompt, k, stage.options)) for step, k in changes
    ]


def factors(stage: RlStage) -> list[tuple[int, float]]:
    """(step, factor): what `lr: auto` multiplies base_lr by, and from which step on. Raises ConfigError."""
    found = []
    for scale in scales(stage):
        if scale.factor is None:
            raise ConfigError(
                f"lr: auto cannot tell how large the steps of {stage.advantage} at k = {scale.k} are; give a number"
            )
        found.append((scale.step, scale.factor))
    return found


def first_rate(stage: RlStage) -> float:
    """The learning rate at the stage's first step. Raises ConfigError."""
    if stage.lr != "auto":
        return stage.lr
    if stage.base_lr is None:
        raise ConfigError("base_lr: lr: auto multiplies it; give the learning rate that GRPO would get")
    return stage.base_lr * factors(stage)[0][1]
