"""A stage and an evaluation of a plan, with the directories of their files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Optional, TypeGuard

from passk.experiment.benchmark import Benchmark
from passk.experiment.compute import Compute
from passk.experiment.stage import RlStage, SftStage
from passk.files import layout
from passk.files.layout import EvaluationRecord, StageRecord, is_finished, kept_model


class KeptModels(NamedTuple):
    """Steps whose models a stage has."""

    last: tuple[int, ...]
    """Steps of its last checkpoints, the last step first."""
    best: int | None
    """Step of the best model; None without `keep_best`, or before the stage is finished."""


@dataclass(frozen=True)
class PlannedStage:
    """A stage with its record and its place."""

    record: StageRecord
    """Its `first_step` is right once the parent is finished: a parent with a condition may end early."""
    stage: SftStage | RlStage
    own_directory: Path
    """runs/<experiment>/stages/<key>"""
    parent: Optional["PlannedStage"]
    compute: Compute

    @property
    def directory(self) -> Path:
        """Directory of its files. Each access looks for it, since other experiments may train the same stage."""
        return _located(self.own_directory, self.compute)

    @property
    def finished(self) -> bool:
        return is_finished(self.directory)

    @property
    def lineage(self) -> "tuple[PlannedStage, ...]":
        """The stage and its ancestors, the stage first."""
        return (self, *(self.parent.lineage if self.parent else ()))

    @property
    def reference(self) -> "PlannedStage | None":
        """The ancestor that is the reference of the KL penalty; None without one, or where the stage starts from it."""
        kl = self.stage.kl if isinstance(self.stage, RlStage) else None
        return next((each for each in self.lineage[1:] if kl and each.record.name == kl.reference), None)

    @property
    def steps(self) -> int:
        """Number of its steps. A stage that is not finished may still end before this step by a condition."""
        if isinstance(self.stage, RlStage) and any(self.stage.conditions) and self.finished:
            steps = self._manifest.get("steps")
            if _is_step(steps):
                return steps
        return self.stage.steps

    @property
    def prompts(self) -> int:
        """Number of training prompts of an rl stage. One that filters groups has it in its manifest."""
        if not isinstance(self.stage, RlStage):
            return 0
        counted = self._manifest.get("prompts") if self.stage.filter_groups else None
        return counted if _is_step(counted) else self.steps * self.stage.prompts_per_step

    @property
    def kept(self) -> KeptModels:
        """The models that the finished stage has; those that it will have if it is not finished."""
        keep = self.stage.keep if isinstance(self.stage, RlStage) else None
        if not self.finished:
            return KeptModels(tuple(keep.final(self.stage.steps)) if keep else (self.stage.steps,), None)
        last, best = self._models.get("last"), self._models.get("best")
        steps = last if isinstance(last, list) and last and all(map(_is_step, last)) else [self.steps]
        return KeptModels(tuple(steps), best if _is_step(best) else None)

    @property
    def chosen(self) -> dict[str, Any] | None:
        """The `keep_best` by which the finished stage kept a model."""
        keep = self._models.get("keep")
        best = keep.get("best") if isinstance(keep, dict) else None
        return best if isinstance(best, dict) else None

    @property
    def _models(self) -> dict[str, Any]:
        models = self._manifest.get("models")
        return models if isinstance(models, dict) else {}

    @property
    def _manifest(self) -> dict[str, Any]:
        """The manifest of the finished stage; {} if it is damaged, which the ingest names."""
        try:
            manifest = json.loads(layout.manifest(self.directory).read_text())
        except (OSError, ValueError, RecursionError):
            return {}
        return manifest if isinstance(manifest, dict) else {}

    @property
    def first_step(self) -> int:
        """Number of rl steps of its ancestors."""
        return sum(ancestor.steps for ancestor in self.lineage[1:] if ancestor.stage.kind == "rl")

    @property
    def first_prompt(self) -> int:
        """Number of training prompts that its ancestors used of the same problems."""
        return sum(
            ancestor.prompts
            for ancestor in self.lineage[1:]
            if isinstance(ancestor.stage, RlStage)
            and self.stage.kind == "rl"
            and ancestor.stage.weights == self.stage.weights
        )


@dataclass(frozen=True)
class PlannedEvaluation:
    """The evaluation of one checkpoint on one benchmark."""

    record: EvaluationRecord
    benchmark: Benchmark
    stage: PlannedStage | None
    """The stage whose model is evaluated."""
    base: Path | str
    """The model that is evaluated if `stage` is None."""
    directory: Path
    before_last: int = 0
    """Number of the stage's checkpoints after this one."""

    @property
    def step(self) -> int | None:
        """Step of an earlier checkpoint of the finished stage; None for its last step."""
        if self.stage is None:
            return None
        kept = self.stage.kept
        if self.record.best:
            return kept.best
        return kept.last[self.before_last] if self.before_last else None

    @property
    def exists(self) -> bool:
        """Whether the checkpoint exists, or may exist when its stage is finished.

        A stage that ends early may have fewer checkpoints, and its best one may be its last.
        """
        if self.stage is None or not self.stage.finished:
            return True
        kept = self.stage.kept
        return kept.best not in (None, kept.last[0]) if self.record.best else self.before_last < len(kept.last)

    @property
    def model(self) -> Path | str:
        if self.stage is None:
            return self.base
        directory, step = self.stage.directory, self.step
        return layout.model(directory) if step is None else kept_model(directory, step)

    @property
    def finished(self) -> bool:
        return is_finished(self.directory)


def _located(own_directory: Path, compute: Compute) -> Path:
    """Return the directory of a stage, which may belong to another experiment.

    The same key means the same result, so a directory that another experiment finished is used. Otherwise the stage
    resumes in the directory with the most steps: its own, or one with the same `compute`, since a checkpoint fits only
    the devices that wrote it.
    """
    if is_finished(own_directory):
        return own_directory
    same = layout.stages_under(own_directory.parents[2], own_directory.name)
    others = [path for path in same if path != own_directory]
    for other in others:
        if is_finished(other):
            return other
    begun = [path for path in (own_directory, *others) if any(layout.checkpoints(path).glob("*"))]
    usable = [path for path in begun if path == own_directory or _computed(path) == compute]
    return max(usable, key=_steps, default=own_directory)


def _is_step(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _computed(directory: Path) -> Compute | None:
    """Return the `compute` of the experiment that a stage's directory belongs to, as of its last run."""
    try:
        record = json.loads(layout.experiment_record(directory.parents[1]).read_text())
        return Compute.model_validate(record["config"]["compute"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _steps(directory: Path) -> int:
    metrics = layout.metrics(directory)
    return metrics.read_bytes().count(b"\n") if metrics.is_file() else 0
