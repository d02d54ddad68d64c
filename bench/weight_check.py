"""Measure the share of a step that the comparison of vLLM's weights with the trainer's takes.

    python -m bench.weight_check RUNS/EXPERIMENT [--steps 30]

RUNS/EXPERIMENT is a finished run. Its first rl stage with advantage grpo gives the model and the data (bench/step.py).
The comparison is timed inside the training, so both numbers are from the same steps, without the first few.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.step import WARM_UP, Training
from passk.runtime import process_tree
from passk.runtime.environment import environment
from passk.runtime.ray_cluster import ray_cluster

TIMED = """
import os, time
from passk.cpu.on_import import on_import

def timed(module):
    compare = module.PasskSamplesGenerator._compare_weights

    def compare_and_write(self, *arguments):
        started = time.perf_counter()
        compare(self, *arguments)
        with open(os.environ["PASSK_BENCH_TIMES"], "a") as file:
            file.write(f"{time.perf_counter() - started}\\n")

    module.PasskSamplesGenerator._compare_weights = compare_and_write

on_import("passk.openrlhf.samples_generator", timed)
"""
"""Python runs it at the start of each process of the training, as sitecustomize."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()

    scratch = Path(tempfile.mkdtemp(prefix="passk-bench-"))
    (scratch / "sitecustomize.py").write_text(TIMED)
    timing = {"PYTHONPATH": str(scratch), "PASSK_BENCH_TIMES": str(scratch / "times.txt")}
    os.environ.update(timing)  # Ray's processes inherit it
    training = Training.of(options.experiment, options.steps, scratch / "data")
    with ray_cluster(training.compute, scratch / "ray.log") as cluster:
        command = [sys.executable, "-m", "passk.openrlhf", *training.arguments(scratch / "stage")]
        variables = environment(training.compute) | cluster | timing
        job = process_tree.start(command, log=scratch / "log.txt", environment=variables)
        try:
            while job.poll() is None:
                time.sleep(0.5)
        finally:
            status = job.stop()
        if status:
            raise SystemExit(f"bench: the training ended with status {status}; see {scratch / 'log.txt'}")
    lines = [json.loads(line) for line in (scratch / "stage" / "metrics.jsonl").read_text().splitlines()]
    steps = [line["seconds"] for line in lines][WARM_UP:]
    # One more comparison comes after the last step, when no prompt is left.
    checks = [float(line) for line in (scratch / "times.txt").read_text().splitlines()][WARM_UP : len(lines)]
    shutil.rmtree(scratch, ignore_errors=True)
    print("\n| | steps | mean s | median s |\n|---|--:|--:|--:|")
    for name, seconds in (("step", steps), ("comparison", checks)):
        print(f"| {name} | {len(seconds)} | {statistics.mean(seconds):.4f} | {statistics.median(seconds):.4f} |")
    median = statistics.median(checks) / statistics.median(steps)
    print(f"\nratio {sum(checks) / sum(steps):.4f} of means, {median:.4f} of medians")


if __name__ == "__main__":
    main()
