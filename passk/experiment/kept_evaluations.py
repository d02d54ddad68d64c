"""Evaluations of more than the last checkpoint of a stage: which there are, and what decides their keys."""

from typing import Any, NamedTuple

from passk.base.errors import ConfigError
from passk.base.randomness import seed_of
from passk.experiment.benchmark import REPORTED
from passk.experiment.config import Experiment
from passk.experiment.planned import PlannedStage
from passk.experiment.selection import Selection
from passk.experiment.stage import RlStage, SftStage

_NOT_DECISIVE = {"problems", "samples", "k", "max_failed", "validation", *REPORTED}
"""Fields of a benchmark that do not change pass@k of an evaluation during the training, or stand beside them."""


class Kind(NamedTuple):
    """Which of a stage's checkpoints is evaluated."""

    before_last: int = 0
    """Number of the stage's checkpoints after it."""
    best: bool = False
    """Whether it is the one that `keep_best` chooses."""

    def seed(self, seed: int) -> int:
        """Return the seed of its samples, from that of the experiment.

        Checkpoints of one run have samples of their own, so their mean has less noise than one of them.
        """
        return seed_of("checkpoint", seed, *self) if any(self) else seed


def kinds(stage: RlStage | SftStage | None) -> list[Kind]:
    """Return the checkpoints of a stage that are evaluated, the last one first. None: the base model."""
    if not isinstance(stage, RlStage):
        return [Kind()]
    best = [Kind(best=True)] if stage.keep_best else []
    return [*(Kind(number) for number in range(stage.last_checkpoints)), *best]


def chosen_by(experiment: Experiment, stage: RlStage, kind: Kind, fingerprints: dict[str, str]) -> dict[str, Any]:
    """Return what decides which step's model is evaluated, for the key of an evaluation; {} for the last step."""
    if kind.best and stage.keep_best:
        return {"best": _selection(experiment, stage, stage.keep_best, fingerprints)}
    return {"before_last": kind.before_last, "save_every": stage.save_every} if kind.before_last else {}


def stopped_by(experiment: Experiment, stage: RlStage | SftStage, fingerprints: dict[str, str]) -> dict[str, Any]:
    """Return what decides when `stop_when` ends a stage, for the key of the stage; {} without it."""
    if not isinstance(stage, RlStage) or stage.stop_when is None:
        return {}
    return {"stopped_by": _selection(experiment, stage, stage.stop_when, fingerprints)}


def _selection(
    experiment: Experiment, stage: RlStage, selection: Selection, fingerprints: dict[str, str]
) -> dict[str, Any]:
    """Return the evaluations during the training that decide."""
    benchmark = experiment.benchmarks.get(selection.benchmark)
    if benchmark is None:
        return {}  # passk/experiment/check_held_out.py names the mistake
    return {
        "by": selection.chosen,
        "every": stage.evaluate_every,
        "samples": stage.held_out_samples(benchmark),
        "config": benchmark.model_dump(mode="json", exclude=_NOT_DECISIVE, exclude_defaults=True),
        "problems": fingerprints[benchmark.problems],
    }


def require_kept(planned: PlannedStage) -> None:
    """Raise ConfigError if a stage is finished without models that its configuration asks for."""
    stage = planned.stage
    keep = stage.keep if isinstance(stage, RlStage) and planned.finished and stage.evaluate else None
    if keep is None:
        return
    kept, field = planned.kept, f"stages.{planned.record.name}"
    fix = f"or delete {planned.directory} to train it again"
    if len(kept.last) < min(stage.last_checkpoints, len(keep.final(planned.steps))):
        raise ConfigError(
            f"{field}.evaluate_last",
            f"the finished stage has models of {len(kept.last)} checkpoints, not of {stage.evaluate_last}",
            f"lower it to {len(kept.last)}, {fix}",
        )
    if keep.best and (kept.best is None or planned.chosen != keep.best.chosen):
        raise ConfigError(f"{field}.keep_best", "the finished stage kept no model by this choice", f"remove it, {fix}")
