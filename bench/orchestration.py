"""Measure the cost of orchestration: `passk run` of one rl stage against the bare OpenRLHF command, with start-up.

    python -m bench.orchestration RUNS/EXPERIMENT [--steps 200] [--rounds 1]

RUNS/EXPERIMENT is a finished run. Its first rl stage with a parent gives the settings, the problems and the initial
model. The time of `passk run` excludes the preparation of problems, which the bare command finds prepared, and the
evaluation. It includes Prefect's server and flow, the Ray cluster, the job, following it, the ingest into DuckDB and
the report. The bare command starts Ray itself.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from passk.experiment import config
from passk.experiment import plan as planning
from passk.experiment.compute import Compute
from passk.pipeline import stages
from passk.runtime import process_tree
from passk.runtime.environment import environment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    for name in ("RAY_ADDRESS", "PREFECT_API_URL"):
        os.environ.pop(name, None)

    print("| steps | bare, s | passk run, s | evaluation, s | ratio | more, s |\n|---:|---:|---:|---:|---:|---:|")
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="passk-bench-") as scratch:
            _round(options.experiment, options.steps, Path(scratch))


def _round(experiment: Path, count: int, scratch: Path) -> None:
    described = json.loads((experiment / "experiment.json").read_text())["config"]
    name, file = _one_stage(described, experiment.resolve(), count, scratch)
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "from passk.cli.main import main; main()", "run", str(file)],
        cwd=scratch,
        env={**os.environ, "PREFECT_HOME": str(scratch / "prefect")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    flow = time.perf_counter() - started
    laid_out = planning.plan(config.load(file), scratch / "runs")
    session = json.loads((laid_out.directory / "experiment.json").read_text())["sessions"][-1]
    apart = [session["phases"][phase] for phase in ("prepare", "evaluate")]

    planned = next(stage for stage in laid_out.stages if stage.record.name == name)
    bare = scratch / "bare"
    shutil.copytree(planned.directory / "data", bare / "data")
    command = [word.replace(str(planned.directory), str(bare)) for word in stages.command(laid_out, planned)]
    started = time.perf_counter()
    job = process_tree.start(command, log=scratch / "bare.txt", environment=_alone(laid_out.experiment.compute))
    while (status := job.poll()) is None:
        time.sleep(0.1)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit("bench: the bare command failed:\n" + (scratch / "bare.txt").read_text()[-3000:])
    ours = flow - sum(apart)
    left_out = ", ".join(f"{each:.1f}" for each in apart)
    print(
        f"| {count} | {seconds:.1f} | {ours:.1f} | {left_out} | {ours / seconds:.3f} | {ours - seconds:.1f} |",
        flush=True,
    )
    print(f"  phases of the session: {session}", flush=True)


def _alone(compute: Compute) -> dict[str, str]:
    """Return the environment of the bare command. On a CPU it declares logical GPUs, which Ray does not detect."""
    gpus = compute.gpus(rollouts=True)
    logical = {"RAY_OVERRIDE_RESOURCES": json.dumps({"GPU": gpus, "CPU": gpus + 4})}
    return environment(compute) | (logical if compute.profile == "cpu" else {})


def _one_stage(described: dict[str, Any], experiment: Path, count: int, scratch: Path) -> tuple[str, Path]:
    """The experiment with one stage alone, from the model that its parent made; its name and its file."""
    laid_out = planning.plan(config.parse(described), experiment.parent)
    planned = next(p for p in laid_out.stages if p.stage.kind == "rl" and p.stage.parent)
    name = planned.record.name
    stage = {**described["stages"][name], "steps": count, "from": None}
    benchmark = next(iter(described["benchmarks"]))
    needed = {stage["problems"], described["benchmarks"][benchmark]["problems"]}
    one = {
        **described,
        "problems": {name: spec for name, spec in described["problems"].items() if name in needed},
        "name": "bench",
        "model": {"path": str(laid_out.parent_model(planned))},
        "stages": {name: {key: value for key, value in stage.items() if value is not None}},
        "benchmarks": {benchmark: {**described["benchmarks"][benchmark], "samples": 8, "k": [1]}},
    }
    file = scratch / "bench.yaml"
    file.write_text(yaml.safe_dump(one, sort_keys=False))
    return name, file


if __name__ == "__main__":
    main()
