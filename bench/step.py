"""Measure the cost of passk per step, against stock OpenRLHF with group_norm: same model, data and seed.

    python -m bench.step RUNS/EXPERIMENT [--steps 30] [--rounds 2]

RUNS/EXPERIMENT is a finished run, whose first rl stage gives the model and the data. The two alternatives take turns.
The time of a step is the wall time between two of OpenRLHF's "Global step" lines, without the first few.
"""

import argparse
import itertools
import json
import re
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from passk.experiment import config
from passk.experiment import plan as planning
from passk.experiment.compute import Compute
from passk.experiment.stage import RlStage
from passk.openrlhf import flags
from passk.openrlhf.held_out import HeldOut
from passk.pipeline.held_out_request import held_out
from passk.runtime import process_tree
from passk.runtime.environment import environment
from passk.runtime.ray_cluster import ray_cluster

WARM_UP = 3


@dataclass(frozen=True)
class Training:
    """A finished run's first rl stage with advantage grpo, to be trained again for some steps without checkpoints."""

    stage: RlStage
    compute: Compute
    seed: int
    model: str
    data: Path
    problems: Path | None
    held_out: HeldOut | None

    @staticmethod
    def of(experiment: Path, steps: int, data: Path, every: int | None = None) -> "Training":
        """experiment: directory of the run. data: where to write the training data of the steps.

        every: steps between evaluations on the benchmarks, each with the default number of samples. None: no
        evaluations.
        """
        record = json.loads((experiment / "experiment.json").read_text())
        name = next(name for name, stage in record["config"]["stages"].items() if stage.get("advantage") == "grpo")
        if every:
            evaluations = {"evaluate_every": every, "evaluate_on": None, "evaluate_samples": None}
            record["config"]["stages"][name] |= evaluations
        laid_out = planning.plan(config.parse(record["config"]), experiment.parent)
        planned = next(each for each in laid_out.stages if each.record.name == name)
        stage = planned.stage.model_copy(update={"save_every": 10**6, "steps": steps, "until": None})
        _write_first_rows(planned.directory / "data", steps * stage.prompts_per_step, data)
        return Training(
            stage,
            laid_out.experiment.compute,
            record["config"]["seed"],
            str(laid_out.parent_model(planned)),
            data,
            laid_out.training_problems(planned),
            held_out(laid_out, planned) if every else None,
        )

    def arguments(self, output: Path) -> list[str]:
        """Return the arguments of passk.openrlhf for a training in the directory `output`."""
        paths = flags.Paths(self.model, self.data, output, self.problems)
        return flags.rl(self.stage, self.compute, paths, seed=self.seed, held_out=self.held_out)


def timed_steps(command: list[str], variables: dict[str, str], log: Path) -> list[float]:
    """Run a training command, and return the seconds of each step after the warm-up."""
    job = process_tree.start(command, log=log, environment=variables)
    seen: dict[int, float] = {}
    try:
        status, position = None, 0
        while status is None:
            time.sleep(0.01)
            status = job.poll()
            with log.open("rb") as file:
                file.seek(position)
                text = file.read()
            for match in re.finditer(rb"Global step (\d+):", text):
                seen.setdefault(int(match[1]), time.perf_counter())
            # An incomplete line is read again.
            position += text.rfind(b"\n") + 1
    finally:
        job.stop()
    if status:
        raise SystemExit(f"bench: {' '.join(command[:3])} ended with status {status}; see {log}")
    times = [seen[step] for step in sorted(seen)][WARM_UP:]
    return [after - before for before, after in itertools.pairwise(times)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()

    scratch = Path(tempfile.mkdtemp(prefix="passk-bench-"))
    training = Training.of(options.experiment, options.steps, scratch / "data")
    totals: dict[str, list[float]] = {"stock": [], "passk": []}
    with ray_cluster(training.compute, scratch / "ray.log") as cluster:
        variables = environment(training.compute) | cluster
        for turn in range(options.rounds):
            for name, seconds in totals.items():
                output = scratch / f"{name}-{turn}"
                arguments, module = training.arguments(output), "passk.openrlhf"
                if name == "stock":
                    arguments, module = arguments[: arguments.index("--passk.advantage")], "bench.stock"
                steps = timed_steps([sys.executable, "-m", module, *arguments], variables, output / "log.txt")
                seconds += steps
                print(f"{name} round {turn + 1}: {len(steps)} steps, mean {statistics.mean(steps):.3f} s", flush=True)
    shutil.rmtree(scratch, ignore_errors=True)
    mean = {name: statistics.mean(seconds) for name, seconds in totals.items()}
    print("\n| | steps | mean s/step | median s/step |\n|---|---|---|---|")
    for name, seconds in totals.items():
        print(f"| {name} | {len(seconds)} | {mean[name]:.3f} | {statistics.median(seconds):.3f} |")
    median = statistics.median(totals["passk"]) / statistics.median(totals["stock"])
    print(f"\nratio {mean['passk'] / mean['stock']:.3f} of means, {median:.3f} of medians")


def _write_first_rows(data: Path, rows: int, to: Path) -> None:
    from datasets import load_from_disk

    load_from_disk(data).select(range(rows)).save_to_disk(to)


if __name__ == "__main__":
    main()
