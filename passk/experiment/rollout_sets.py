"""Sets of problems that are made of an earlier stage's rollouts (passk/problems/rollouts.py), in an experiment."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from passk.base.errors import ConfigError, nearest
from passk.experiment.config import Experiment
from passk.experiment.stage import RlStage, SftStage
from passk.problems import rollouts
from passk.problems.record import Spec
from passk.problems.rollouts import RolloutProblems

if TYPE_CHECKING:
    from passk.experiment.planned import PlannedStage


def others(specs: Mapping[str, Spec]) -> dict[str, Spec]:
    """Return the sets that need no stage, by name."""
    return {name: spec for name, spec in specs.items() if not isinstance(spec, RolloutProblems)}


def of_stage(experiment: Experiment, stage: SftStage | RlStage) -> dict[str, RolloutProblems]:
    """Return the sets of rollouts that a stage trains on, by name."""
    specs = {name: experiment.problems[name] for name in stage.weights}
    return {name: spec for name, spec in specs.items() if isinstance(spec, RolloutProblems)}


def fingerprints(experiment: Experiment, stage: "PlannedStage") -> dict[str, str]:
    """Return 16 hex characters for each set of a stage's rollouts. The stage counts by its key, not by its name."""
    return {
        name: _fingerprint(spec, stage, experiment.seed)
        for name, spec in experiment.problems.items()
        if isinstance(spec, RolloutProblems) and spec.stage == stage.record.name
    }


def _fingerprint(spec: RolloutProblems, stage: "PlannedStage", seed: int) -> str:
    settings = spec.model_dump(mode="json", exclude_defaults=True, exclude={"stage"})
    content = {"spec": settings, "stage": stage.record.key, "seed": seed, "version": rollouts.VERSION}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def verifiers(experiment: Experiment, names: Iterable[str]) -> set[str]:
    """Return the names of the verifiers of sets of problems."""
    used: set[str] = set()
    for name in names:
        spec = experiment.problems[name]
        if not isinstance(spec, RolloutProblems):
            used.add(str(getattr(spec, "verifier", spec.judged_by)))
        elif spec.make == "verify":
            used.add(rollouts.VERIFY)
        else:
            used |= verifiers(experiment, experiment.stages[spec.stage].weights)
    return used


def check(experiment: Experiment) -> None:
    """Raise ConfigError unless every set names an rl stage from which the stages that use it come."""
    for name, spec in experiment.problems.items():
        if isinstance(spec, RolloutProblems):
            _check_stage(experiment, f"problems.{name}.stage", spec.stage)
    for name, stage in experiment.stages.items():
        for problem_set in stage.weights:
            spec = experiment.problems.get(problem_set)
            if isinstance(spec, RolloutProblems) and spec.stage not in _ancestors(experiment, stage):
                raise ConfigError(
                    f"stages.{name}.{'mix' if stage.mix else 'problems'}",
                    f"{problem_set} is made of the rollouts of {spec.stage}, from which {name} does not come",
                    f"set from to {spec.stage} or to a stage that comes from it",
                )


def _check_stage(experiment: Experiment, field: str, name: str) -> None:
    stage = experiment.stages.get(name)
    if stage is None:
        raise ConfigError(field, f"stage {name!r} does not exist", nearest(name, experiment.stages))
    if not isinstance(stage, RlStage):
        raise ConfigError(field, f"{name} is an sft stage, which has no rollouts", "name an rl stage")
    if stage.filter_groups:
        raise ConfigError(
            field,
            f"{name} has filter_groups, and the rollouts of groups that it drops are not kept",
            "name a stage without it",
        )


def _ancestors(experiment: Experiment, stage: SftStage | RlStage) -> list[str]:
    names: list[str] = []
    while stage.parent is not None:
        names.append(stage.parent)
        stage = experiment.stages[stage.parent]
    return names
