"""Measure the cost of methods per step, against the same stage without one: same model, data and seed.

    python -m bench.method RUNS/EXPERIMENT [NAME ...] [--steps 30] [--rounds 2]

RUNS/EXPERIMENT is a finished run with an rl stage of advantage grpo, as for bench.step. The default is all methods,
with their default options. A method that changes the reference of the KL penalty gets one. The alternatives take turns.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.step import Training, timed_steps
from passk import methods
from passk.experiment.engine_settings import Kl
from passk.runtime.environment import environment
from passk.runtime.ray_cluster import ray_cluster

NONE = "none"


def trained(training: Training, name: str) -> Training:
    """Return the training with a method instead of none."""
    if name == NONE:
        return training
    kl = Kl(coef=0.05) if methods.get(name).needs_kl else None
    return replace(training, stage=training.stage.model_copy(update={"method": {"name": name}, "kl": kl}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("methods", nargs="*", default=methods.names())
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()

    scratch = Path(tempfile.mkdtemp(prefix="passk-bench-"))
    training = Training.of(options.experiment, options.steps, scratch / "data")
    totals: dict[str, list[float]] = {name: [] for name in (NONE, *options.methods)}
    with ray_cluster(training.compute, scratch / "ray.log") as cluster:
        variables = environment(training.compute) | cluster
        for turn in range(options.rounds):
            for name, seconds in totals.items():
                output = scratch / f"{name}-{turn}"
                command = [sys.executable, "-m", "passk.openrlhf", *trained(training, name).arguments(output)]
                steps = timed_steps(command, variables, output / "log.txt")
                seconds += steps
                print(
                    f"{name} round {turn + 1}: {len(steps)} steps, median {statistics.median(steps):.3f} s", flush=True
                )
    shutil.rmtree(scratch, ignore_errors=True)
    medians = {name: statistics.median(seconds) for name, seconds in totals.items()}
    print("\n| method | steps | median s/step | ratio |\n|---|---|---|---|")
    for name, seconds in totals.items():
        print(f"| {name} | {len(seconds)} | {medians[name]:.3f} | {medians[name] / medians[NONE]:.2f} |")


if __name__ == "__main__":
    main()
