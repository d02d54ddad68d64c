"""Measure the cost of evaluations during the training: their wall time beside that of the training steps of one stage.

    python -m bench.held_out RUNS/EXPERIMENT [--steps 30] [--every 5]

RUNS/EXPERIMENT is a finished run, whose first grpo stage gives the model and the data. Its benchmarks are sampled
with the default `evaluate_samples`, more often than a user would. Steps and evaluations take turns in one process, so a
busy machine slows both alike. A step after an evaluation is compared with the others, since it finds vLLM's prefix
cache empty.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from bench.step import first_rows, timed_steps
from passk.experiment import config
from passk.experiment import plan as planning
from passk.files.layout import EVALUATIONS
from passk.files.metrics_log import read_metrics
from passk.openrlhf import flags
from passk.pipeline.held_out_request import held_out
from passk.runtime.environment import environment
from passk.runtime.ray_cluster import ray_cluster

USUAL = (10, 20, 50)
"""Values of `evaluate_every` for which the ratio is printed."""
WARM_UP = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--every", type=int, default=5)
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
        command = [sys.executable, "-m", "passk.openrlhf", *arguments]
        timed_steps(command, environment(compute) | cluster, output / "log.txt")
    lines, evaluated = read_metrics(output / "metrics.jsonl"), read_metrics(output / EVALUATIONS)
    shutil.rmtree(scratch, ignore_errors=True)

    seconds = dict.fromkeys((line["step"] for line in evaluated), 0.0)
    for line in evaluated:
        seconds[line["step"]] += line["seconds"]
    # A step's seconds include the evaluation before it.
    steps = {line["step"]: line["seconds"] - seconds.get(line["step"] - 1, 0.0) for line in lines[WARM_UP:]}
    after = [value for step, value in steps.items() if step - 1 in seconds]
    others = [value for step, value in steps.items() if step - 1 not in seconds]
    evaluation, step = statistics.median(seconds.values()), statistics.median(others)
    samples = evaluated[0]["samples"]
    print(f"{len(seconds)} evaluations, {samples} samples per problem: median {evaluation:.2f} s")
    slower = statistics.median(after) - step
    print(f"{len(others)} steps: median {step:.2f} s; {len(after)} steps after an evaluation: {slower:+.2f} s")
    for every in USUAL:
        ratio = 1 + (evaluation + slower) / (every * step)
        print(f"evaluate_every: {every}: the stage takes {ratio:.3f} times as long as without")


if __name__ == "__main__":
    main()
