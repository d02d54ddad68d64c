"""The models that a stage keeps, over training runs that are killed at any moment and resume from any checkpoint."""

import random
import shutil

import pytest

from passk.experiment.keep import Keep
from passk.experiment.selection import KeepBest
from passk.files.layout import kept_model, kept_steps, write_json
from passk.openrlhf.kept_models import KeptModels
from tests.unit.each import every


class Killed(Exception):
    pass


class Training:
    """A training of a stage in the order of passk/openrlhf/trainer.py, where a model is a file with its step.

    It keeps two checkpoints, writes one each `save_every` steps, and evaluates each `evaluate_every` steps.
    """

    def __init__(self, directory, keep, steps, evaluate_every, draw) -> None:
        self.directory, self.keep, self.steps = directory, keep, steps
        self.evaluate_every, self.draw = evaluate_every, draw
        self.evaluations: list[dict] = []
        self.largest = 0

    @property
    def checkpoints(self):
        return self.directory / "checkpoints" / "_actor"

    def maybe_killed(self, share):
        if self.draw.random() < share:
            raise Killed

    def export(self, path, step, share):
        path.mkdir(parents=True, exist_ok=True)
        (path / "config.json").write_text(str(step))
        self.maybe_killed(share)  # half written
        (path / "weights").write_text(f"{self.attempt}")

    def run(self, start, share, attempt):
        self.attempt, self.step = attempt, start
        kept = KeptModels(self.directory, self.keep, lambda path: self.export(path, self.step, share))
        self.evaluations = [line for line in self.evaluations if line["step"] <= start]
        kept.forget_after(start)
        self.evaluate(kept, share)
        for step in range(start + 1, self.steps + 1):
            self.step = step
            self.maybe_killed(share)
            kept.checkpoint(step)
            self.maybe_killed(share)
            if step % self.keep.every == 0:
                self.save(step, share)
            kept.prune(step, self.evaluations, self.directory / "checkpoints")
            self.largest = max(self.largest, len(kept_steps(self.directory)))
            self.evaluate(kept, share)

    def save(self, step, share):
        for old in sorted(self.checkpoints.glob("global_step*"), key=lambda path: int(path.name[11:]))[:-1]:
            shutil.rmtree(old)
        (self.checkpoints / f"global_step{step}").mkdir(parents=True)
        self.maybe_killed(share)
        write_json(self.checkpoints / f"global_step{step}" / "seal.json", {})

    def evaluate(self, kept, share):
        last = self.step == self.steps
        if self.step % self.evaluate_every and not last:
            return
        self.maybe_killed(share)
        if not any(line["step"] == self.step for line in self.evaluations):
            value = {"1": {"value": self.draw.choice([0.1, 0.2, 0.3, 0.4])}}
            self.evaluations.append({"step": self.step, "benchmark": "hard", "pass_at_k": value})
        self.maybe_killed(share)
        kept.evaluated(self.step, self.evaluations, last=last)

    def resume_step(self):
        """A checkpoint without a seal is removed; now and then the newest one is damaged."""
        for path in self.checkpoints.glob("global_step*"):
            if not (path / "seal.json").exists():
                shutil.rmtree(path)
        steps = sorted(int(path.name[11:]) for path in self.checkpoints.glob("global_step*"))
        if len(steps) > 1 and self.draw.random() < 0.3:
            shutil.rmtree(self.checkpoints / f"global_step{steps.pop()}")
        return steps[-1] if steps else 0


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_killed_the_finished_stage_has_each_model_that_it_needs_and_few_others(tmp_path, seed):
    draw = random.Random(seed)
    last, every = draw.choice([1, 2, 3]), draw.choice([2, 3])
    keep = Keep(every=every, last=last, best=KeepBest(benchmark="hard"))
    training = Training(tmp_path, keep, 24, draw.choice([2, 3, 5]), draw)
    start, share = 0, 0.06
    for attempt in range(60):
        try:
            training.run(start, share if attempt < 50 else 0.0, attempt)
            break
        except Killed:
            start = training.resume_step()
    assert [line["step"] for line in training.evaluations] == sorted({line["step"] for line in training.evaluations})
    best = keep.best_step(24, training.evaluations)
    needed = {*keep.final(24)[1:], *([best] if best != 24 else [])}
    assert len(keep.final(24)) == last
    assert needed <= {*kept_steps(tmp_path)}
    for step in needed:
        model = kept_model(tmp_path, step)
        assert (model / "config.json").read_text() == str(step) and (model / "weights").exists(), "a whole model"
    # those of the last ones, of two checkpoints to resume from, and their best ones
    assert training.largest <= last + 2 + 3


def test_without_a_choice_nothing_is_kept(tmp_path):
    kept = KeptModels(tmp_path, None, lambda path: pytest.fail("written"))
    kept.checkpoint(4)
    kept.evaluated(4, [], last=False)
    kept.prune(4, [], tmp_path / "checkpoints")
    assert kept_steps(tmp_path) == []


@every(
    ("every", "last", "step", "final"),
    [(20, 5, 100, [100, 80, 60, 40, 20]), (20, 3, 50, [50, 40, 20]), (20, 3, 30, [30, 20]), (20, 1, 50, [50])],
)
def test_the_last_checkpoints_are_the_last_step_and_the_multiples_below_it(every, last, step, final):
    assert Keep(every=every, last=last).final(step) == final
