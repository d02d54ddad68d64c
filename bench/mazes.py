"""What bench.evaluate and bench.lm_eval time: one model, sampled on small mazes."""

import argparse
from pathlib import Path
from typing import Any

from passk.experiment import benchmark_presets


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser that takes the model and the size of the experiment; a bench adds its own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=16)
    return parser


def experiment(wanted: argparse.Namespace) -> dict[str, Any]:
    """As a person would write it, without a stage, on what this machine has; set and benchmark are both `test`."""
    return {
        "name": "bench",
        "question": "?",
        "seed": 0,
        "model": {"path": str(wanted.model.resolve())},
        "problems": {"test": {"source": "maze", "split": "test", "count": wanted.problems, "easy_fraction": 1.0}},
        "stages": {},
        "benchmarks": {
            "test": {"problems": "test", "samples": wanted.samples, "k": [1], "max_response": wanted.tokens}
        },
        "compute": benchmark_presets.compute(),
    }
