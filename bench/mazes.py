"""Set up the experiment that bench.evaluate and bench.lm_eval time: one model, sampled on small mazes."""

import argparse
from pathlib import Path
from typing import Any

from passk.experiment import benchmark_presets


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser for the model and the size of the experiment. A bench adds its own options."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=16)
    return parser


def experiment(options: argparse.Namespace) -> dict[str, Any]:
    """Return an experiment without stages for this machine. Problem set and benchmark are both named `test`."""
    return {
        "name": "bench",
        "question": "?",
        "seed": 0,
        "model": {"path": str(options.model.resolve())},
        "problems": {"test": {"source": "maze", "split": "test", "size": options.problems, "easy_fraction": 1.0}},
        "stages": {},
        "benchmarks": {
            "test": {"problems": "test", "samples": options.samples, "k": [1], "max_response": options.tokens}
        },
        "compute": benchmark_presets.compute(),
    }
