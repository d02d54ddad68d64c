"""Scaling of the learning rate by k: a larger k makes smaller steps, and `lr: auto` compensates for it.

The largest total advantage max eta (passk/advantage/step_size.py) is N for GRPO and less for Pass@k estimators. With
`lr: auto`, the rate at each step is `base_lr`, GRPO's rate, times N / max eta of the estimator at that step's k.
"""

from dataclasses import dataclass

from passk.advantage.step_size import lr_scale
from passk.base.errors import ConfigError
from passk.experiment.config import RlStage


@dataclass(frozen=True)
class Scale:
    """The factor of the learning rate for one k of a stage."""

    step: int
    """First step with this k."""
    k: int
    factor: float | None
    """N / max eta, or None if the advantages depend on more than the rewards."""


def scales(stage: RlStage) -> list[Scale]:
    """Return one scale for every k of the stage. Raise ConfigError if the estimator is undefined for one of them."""
    changes = stage.k.within(stage.steps)
    return [
        Scale(step, k, lr_scale(stage.advantage, stage.rollouts_per_prompt, k, stage.options)) for step, k in changes
    ]


def factors(stage: RlStage) -> list[tuple[int, float]]:
    """Return pairs (step, factor): `lr: auto` multiplies base_lr by the factor from that step. Raise ConfigError."""
    pairs = []
    for scale in scales(stage):
        if scale.factor is None:
            raise ConfigError(
                f"lr: auto does not know the step size of {stage.advantage} at k = {scale.k}; write a number"
            )
        pairs.append((scale.step, scale.factor))
    return pairs


def first_rate(stage: RlStage) -> float:
    """Return the learning rate at the stage's first step. Raise ConfigError."""
    if stage.lr != "auto":
        return stage.lr
    if stage.base_lr is None:
        raise ConfigError("base_lr: is missing, and lr: auto multiplies it; write the learning rate for GRPO")
    return stage.base_lr * factors(stage)[0][1]
