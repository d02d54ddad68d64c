"""Print where the wall time of a training step goes, and what evaluations during the training cost beside it.

    python -m bench.profile_step RUNS/EXPERIMENT [--steps 24] [--every 4]

RUNS/EXPERIMENT is a finished run, whose first grpo stage gives the model and the data. Its benchmarks are sampled with
the default `evaluate_samples`, more often than a user would. Steps and evaluations take turns in one process, so a busy
machine slows both alike. A step after an evaluation is compared with the others, since it finds vLLM's prefix cache
empty. The parts of a step are disjoint. Each is the median over the steps after the warm-up.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.step import WARM_UP, Training, timed_steps
from passk.files import layout
from passk.files.metrics_log import read_metrics
from passk.runtime.environment import environment
from passk.runtime.ray_cluster import ray_cluster

FILE = "profile.json"
"""File in a stage's record: the seconds of each part of each step (bench/profiled.py)."""
EVALUATION = "held-out evaluation (passk)"
USUAL = (10, 20, 50)
"""Values of `evaluate_every` for which the ratio is printed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--every", type=int, default=4, help="Steps between evaluations.")
    options = parser.parse_args()
    if options.steps <= options.every:
        parser.error(f"--every {options.every}: no step follows an evaluation; raise --steps")

    scratch = Path(tempfile.mkdtemp(prefix="passk-bench-"))
    training = Training.of(options.experiment, options.steps, scratch / "data", options.every)
    output = scratch / "stage"
    output.mkdir()
    with ray_cluster(training.compute, scratch / "ray.log") as cluster:
        command = [sys.executable, "-m", "bench.profiled", *training.arguments(output)]
        timed_steps(command, environment(training.compute) | cluster, output / "log.txt")
    parts, lines = json.loads((output / FILE).read_text()), read_metrics(output / "metrics.jsonl")
    evaluated = read_metrics(layout.training_evaluations(output))
    shutil.rmtree(scratch, ignore_errors=True)
    _print_parts([{part: value for part, value in step.items() if part != EVALUATION} for step in parts[WARM_UP:]])
    _print_evaluations(lines, evaluated)


def _print_parts(steps: list[dict[str, float]]) -> None:
    names = {part for step in steps for part in step}
    medians = {part: statistics.median(step.get(part, 0.0) for step in steps) for part in names}
    whole = statistics.median(sum(step.values()) for step in steps)
    print("| part of a step | ms | share |\n|---|--:|--:|")
    for part, seconds in sorted(medians.items(), key=lambda item: -item[1]):
        print(f"| {part} | {1000 * seconds:.0f} | {seconds / whole:.1%} |")
    print(f"| the step | {1000 * whole:.0f} | |\n")


def _print_evaluations(lines: list[dict[str, Any]], evaluated: list[dict[str, Any]]) -> None:
    seconds = dict.fromkeys((line["step"] for line in evaluated), 0.0)
    for line in evaluated:
        seconds[line["step"]] += line["seconds"]
    # A step's seconds include the evaluation before it.
    steps = {line["step"]: line["seconds"] - seconds.get(line["step"] - 1, 0.0) for line in lines[WARM_UP:]}
    after = [value for step, value in steps.items() if step - 1 in seconds]
    others = [value for step, value in steps.items() if step - 1 not in seconds]
    evaluation, step = statistics.median(seconds.values()), statistics.median(others)
    slower, samples = statistics.median(after) - step, sum(line["samples"] * len(line["correct"]) for line in evaluated)
    print(f"{len(seconds)} evaluations of {samples // len(seconds)} samples: median {evaluation:.2f} s")
    print(f"{len(others)} steps: median {step:.2f} s; {len(after)} steps after an evaluation: {slower:+.2f} s")
    for every in USUAL:
        ratio = 1 + (evaluation + slower) / (every * step)
        print(f"evaluate_every: {every}: the stage takes {ratio:.3f} times as long as without")


if __name__ == "__main__":
    main()
