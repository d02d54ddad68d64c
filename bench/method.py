"""Measure the cost of a method per step, against the same stage without one: same model, data and seed.

    python -m bench.method RUNS/EXPERIMENT '{"name": "simko"}' '{"name": "resrl"}' [--steps 30] [--rounds 2]

RUNS/EXPERIMENT is a finished run with an rl stage of advantage grpo, as for bench.step. The alternatives take turns.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.step import Training, timed_steps
from passk.runtime.environment import environment
from passk.runtime.ray_cluster import ray_cluster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("methods", nargs="+", type=json.loads)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()

    scratch = Path(tempfile.mkdtemp(prefix="passk-bench-"))
    training = Training.of(options.experiment, options.steps, scratch / "data")
    alternatives = {"grpo": None, **{method["name"]: method for method in options.methods}}
    totals: dict[str, list[float]] = {name: [] for name in alternatives}
    with ray_cluster(training.compute, scratch / "ray.log") as cluster:
        variables = environment(training.compute) | cluster
        for turn in range(options.rounds):
            for name, method in alternatives.items():
                output = scratch / f"{name}-{turn}"
                stage = training.stage.model_copy(update={"method": method})
                arguments = replace(training, stage=stage).arguments(output)
                command = [sys.executable, "-m", "passk.openrlhf", *arguments]
                totals[name] += timed_steps(command, variables, output / "log.txt")
    shutil.rmtree(scratch, ignore_errors=True)
    medians = {name: statistics.median(seconds) for name, seconds in totals.items()}
    print("| method | steps | median s/step | ratio |\n|---|---|---|---|")
    for name, seconds in totals.items():
        print(f"| {name} | {len(seconds)} | {medians[name]:.3f} | {medians[name] / medians['grpo']:.3f} |")


if __name__ == "__main__":
    main()
