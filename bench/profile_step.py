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

from bench.step import WARM_UP, first_rows, timed_steps
from passk.experiment import config
from passk.experiment import plan as planning
from passk.files.layout import EVALUATIONS
from passk.files.metrics_log import read_metrics
from passk.openrlhf import flags
from passk.pipeline.held_out_request import held_out
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

    record = json.loads((options.experiment / "experiment.json").read_text())
    name = next(name for name, stage in record["config"]["stages"].items() if stage.get("advantage") == "grpo")
    record["config"]["stages"][name] |= {"evaluate_every": options.every, "evaluate_on": None, "evaluate_samples": None}
    laid_out = planning.plan(config.parse(record["config"]), options.experiment.parent)
    planned = next(each for each in laid_out.stages if each.record.name == name)
    stage = planned.stage.model_copy(update={"save_every": 10**6, "steps": options.steps, "until": None})
    compute, scratch = laid_out.experiment.compute, Path(tempfile.mkdtemp(prefix="passk-bench-"))
    data = first_rows(planned.directory / "data", options.steps * stage.prompts_per_step, scratch / "data")
    output = scratch / "stage"
    output.mkdir()
    paths = flags.Paths(str(laid_out.parent_model(planned)), data, output)
    seed, evaluations = record["config"]["seed"], held_out(laid_out, planned)
    arguments = flags.rl(stage, compute, paths, seed=seed, held_out=evaluations)
    with ray_cluster(compute, scratch / "ray.log") as cluster:
        command = [sys.executable, "-m", "bench.profiled", *arguments]
        timed_steps(command, environment(compute) | cluster, output / "log.txt")
    parts, lines = json.loads((output / FILE).read_text()), read_metrics(output / "metrics.jsonl")
    evaluated = read_metrics(output / EVALUATIONS)
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
