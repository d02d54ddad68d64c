"""A stage that is "trained" by writing its metrics.jsonl."""

import json
import time
from contextlib import contextmanager

import pytest

from passk import trackers
from passk.experiment import config
from passk.experiment.plan import plan
from passk.files import layout
from passk.files.layout import write_json
from passk.files.schema import EVALUATION
from passk.openrlhf.evaluation_log import EvaluationLog
from passk.openrlhf.step_recorder import MetricsLog, read_metrics
from tests.log_lines import logged_lines
from tests.unit.experiment.test_config import changed

KEY = "0123456789abcdef0123456789abcdef01234567"
"""with the form of one of W&B's"""


class Stage:
    """The rl stage of an experiment that names trackers."""

    def __init__(self, tmp_path, named=None, name="small", steps=None):
        raw = changed("name", name)
        if steps:
            raw["stages"]["arm"]["steps"] = steps
        self.plan = plan(config.parse({**raw, "trackers": named} if named else raw), tmp_path / "runs")
        self.warm, self.planned = self.plan.stages
        self.said = []

    @property
    def metrics(self):
        return self.planned.own_directory / "metrics.jsonl"

    @property
    def tensorboard(self):
        return self.plan.directory / "tensorboard" / "arm"

    def listening(self):
        """Gather the log lines of the block in `said`."""
        return logged_lines(self.said.append)

    @contextmanager
    def following(self):
        with self.listening(), trackers.Following(self.plan, self.planned) as follow:
            yield follow

    @contextmanager
    def killed(self):
        """A session that does not end its trackers."""
        with self.listening():
            yield trackers.Following(self.plan, self.planned)

    def step(self, follow, step):
        log = MetricsLog(self.planned.own_directory)
        log.write(
            {
                **{
                    "step": step,
                    "seconds": 2.0,
                    "lr": 1e-4,
                    "grad_norm": None if step % 2 else 0.5,
                    "estimator": "grpo",
                },
                **{"k": 4, "reward": step / 100 + time.time() % 1e-4, "pass_at_k": {"1": 0.25, "4": 0.5}},
                **{"correct_counts": [1, 0, 3], "reasons": {"no answer: none (cut)": 0.1}},
            }
        )
        follow(read_metrics(self.metrics)[-1])

    def evaluate(self, follow, step, benchmark):
        value = (step + 1) / 100 + time.time() % 1e-4
        line = dict.fromkeys(EVALUATION.keys() - {"seconds", "time"}, 0) | {"step": step, "benchmark": benchmark}
        line["pass_at_k"] = line["maj_at_k"] = {"1": {"value": value, "lower": value, "upper": value}}
        self.planned.own_directory.mkdir(parents=True, exist_ok=True)
        EvaluationLog(self.planned.own_directory).write(line, 1.5)
        follow(self.evaluations()[-1])

    def evaluations(self):
        return read_metrics(layout.training_evaluations(self.planned.own_directory))

    def evaluated(self, benchmark):
        return [
            (line["step"], pytest.approx(line["pass_at_k"]["1"]["value"], rel=1e-6))
            for line in self.evaluations()
            if line["benchmark"] == benchmark
        ]

    def forget_after(self, step):
        EvaluationLog(self.planned.own_directory).forget_after(step)
        kept = [line for line in read_metrics(self.metrics) if line["step"] <= step]
        self.metrics.write_text("".join(json.dumps(line) + "\n" for line in kept))

    def finish(self):
        write_json(self.planned.own_directory / "manifest.json", {})

    def recorded(self):
        return [(line["step"], pytest.approx(line["reward"], rel=1e-6)) for line in read_metrics(self.metrics)]
