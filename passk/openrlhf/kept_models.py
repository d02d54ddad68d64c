"""The models of earlier checkpoints of a stage, in HF format, beside that of its last step (passk/experiment/keep.py).

A model is written before the checkpoint of its step, so a training never resumes after a step whose model it lacks. The
best model is written after the evaluation that shows it. A training that is killed between the two and resumes at that
step writes it then. A model that a resumed training may still need is not deleted.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from passk.experiment.keep import Keep
from passk.experiment.selection import Evaluations
from passk.files import durable, scratch
from passk.files.layout import kept_model, kept_steps
from passk.openrlhf import checkpoints


class KeptModels:
    """The directory models/ of a stage."""

    def __init__(self, directory: Path, keep: Keep | None, export: Callable[[Path], None]) -> None:
        """export: writes the policy's present model into a directory."""
        self._directory, self._keep, self._export = directory, keep, export

    def forget_after(self, step: int) -> None:
        """Delete the models of later steps, which a resumed training repeats."""
        for kept in kept_steps(self._directory):
            if kept > step:
                shutil.rmtree(kept_model(self._directory, kept))

    def checkpoint(self, step: int) -> None:
        """Keep the model of a step whose checkpoint is written next."""
        if self._keep and self._keep.last > 1 and step % self._keep.every == 0:
            self._write(step)

    def evaluated(self, step: int, evaluations: Evaluations, *, last: bool) -> None:
        """Keep the model of an evaluated step if it is the best so far. The last step has its model in model/."""
        if self._keep and not last and self._keep.best_step(step, evaluations) == step:
            self._write(step)

    def prune(self, step: int, evaluations: Evaluations, checkpoint_directory: Path) -> None:
        """Delete the models that neither the training at `step` needs nor one that resumes from a checkpoint."""
        if self._keep:
            stands = [step, *checkpoints.sealed(checkpoint_directory)]
            for kept in self._keep.superseded(kept_steps(self._directory), stands, evaluations):
                shutil.rmtree(kept_model(self._directory, kept))

    def _write(self, step: int) -> None:
        target = kept_model(self._directory, step)
        if target.exists():
            return
        with scratch.beside(target) as unfinished:
            self._export(unfinished)
            durable.move(unfinished, target)
