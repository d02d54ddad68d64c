"""Print where the wall time of a training step goes, beside the seconds that OpenRLHF itself reports.

    python -m bench.profile_step RUNS/EXPERIMENT [--steps 12]

RUNS/EXPERIMENT is a finished run, whose first grpo stage gives the model and the data. Each line is the median over the
steps after the warm-up, and the lines are disjoint.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from bench.profiled import FILE
from bench.step import WARM_UP, first_rows, timed_steps
from passk.experiment import config
from passk.experiment import plan as planning
from passk.files.metrics_log import read_metrics
from passk.openrlhf import flags
from passk.runtime.environment import environment
from passk.runtime.ray_cluster import ray_cluster

REPORTED = ("seconds", "seconds_generation", "seconds_experience", "seconds_training", "seconds_sync")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("--steps", type=int, default=12)
    options = parser.parse_args()

    record = json.loads((options.experiment / "experiment.json").read_text())
    laid_out = planning.plan(config.parse(record["config"]), options.experiment.parent)
    planned = next(p for p in laid_out.stages if p.stage.kind == "rl" and p.stage.advantage == "grpo")
    stage = planned.stage.model_copy(update={"save_every": 10**6, "steps": options.steps, "until": None})
    compute, scratch = laid_out.experiment.compute, Path(tempfile.mkdtemp(prefix="passk-bench-"))
    data = first_rows(planned.directory / "data", options.steps * stage.prompts_per_step, scratch / "data")
    output = scratch / "stage"
    output.mkdir()
    paths = flags.Paths(str(laid_out.parent_model(planned)), data, output)
    arguments = flags.rl(stage, compute, paths, seed=record["config"]["seed"])
    with ray_cluster(compute, scratch / "ray.log") as cluster:
        command = [sys.executable, "-m", "bench.profiled", *arguments]
        timed_steps(command, environment(compute) | cluster, output / "log.txt")
    steps = json.loads((output / FILE).read_text())[WARM_UP:]
    lines = read_metrics(output / "metrics.jsonl")[WARM_UP:]
    shutil.rmtree(scratch, ignore_errors=True)

    medians = {part: statistics.median(step.get(part, 0.0) for step in steps) for part in {p for s in steps for p in s}}
    whole = statistics.median(sum(step.values()) for step in steps)
    print("| part of a step | ms | share |\n|---|---|---|")
    for part, seconds in sorted(medians.items(), key=lambda item: -item[1]):
        print(f"| {part} | {1000 * seconds:.0f} | {seconds / whole:.1%} |")
    print(f"| the step | {1000 * whole:.0f} | 100 % |\n")
    for name in REPORTED:
        print(f"{name}: {1000 * statistics.median(line[name] for line in lines):.0f} ms")


if __name__ == "__main__":
    main()
