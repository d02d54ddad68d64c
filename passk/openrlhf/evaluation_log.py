"""Writer of a stage's evaluations.jsonl: each step and benchmark once, a whole line each."""

import json
import os
import time
from pathlib import Path
from typing import Any

from passk.files import durable, layout
from passk.files.metrics_log import read_metrics
from passk.files.schema import EVALUATION


class EvaluationLog:
    """The evaluations during a stage's training. The stage's directory has one writer (step_recorder.py)."""

    def __init__(self, directory: Path) -> None:
        self._path = layout.training_evaluations(directory)

    def forget_after(self, step: int) -> None:
        """Delete the evaluations of later steps, which a resumed training repeats, and an incomplete last line."""
        if not self._path.exists():
            return
        kept = [line for line in read_metrics(self._path) if line["step"] <= step]
        durable.write_text(self._path, "".join(json.dumps(line) + "\n" for line in kept))

    def lines(self) -> list[dict[str, Any]]:
        """Return the recorded evaluations."""
        return read_metrics(self._path)

    def has(self, step: int, benchmark: str) -> bool:
        """Return whether the evaluation of a step on a benchmark is recorded."""
        return any((line["step"], line["benchmark"]) == (step, benchmark) for line in self.lines())

    def write(self, line: dict[str, Any], seconds: float) -> None:
        """Append an evaluation, durably. seconds: its wall time."""
        whole = {**line, "seconds": seconds, "time": time.time()}
        assert whole.keys() == EVALUATION.keys(), f"not the fields of passk/files/schema.py: {sorted(whole)}"
        with durable.telling_when_full(self._path), self._path.open("a") as file:
            file.write(json.dumps(whole) + "\n")
            file.flush()
            os.fsync(file.fileno())
