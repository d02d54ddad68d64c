"""`passk plan`: the stages and evaluations of an experiment, with the exact command of each stage."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from passk.base import extras
from passk.cli.listing import Runs
from passk.experiment import validate
from passk.experiment.config import RlStage
from passk.experiment.plan import plan
from passk.models import remote_code

File = Annotated[Path, typer.Argument(help="Experiment file (YAML).")]
SCALES = 16
"""Most changes of k that `passk plan` prints in a line."""


def show_plan(file: File, runs: Runs = Path("runs")) -> None:
    """Print each stage with its state and exact command, then each evaluation."""
    extras.require("train", "plan")
    from passk.pipeline import stages
    from passk.pipeline.held_out_request import held_out

    laid_out = plan(validate.load(file), runs)
    model = laid_out.experiment.model
    remote_code.check(laid_out.model, trusted=model.trust_remote_code)
    if model.path:
        code = "runs (model.trust_remote_code)" if model.trust_remote_code else "is refused"
        typer.echo(f"# model {laid_out.model}: its own code {code}")
    for planned in laid_out.stages:
        stage, record = planned.stage, planned.record
        state = "done" if planned.finished else "to do"
        start = f"from {stage.parent}" if stage.parent else f"from {laid_out.model}"
        estimator = f", {stage.advantage} k={stage.k.label}" if stage.kind == "rl" else ""
        length = f"{stage.steps} steps"
        if stage.kind == "rl" and stage.until:
            length = f"at most {stage.steps} steps, until {stage.until.name} is {stage.until.threshold},"
        typer.echo(f"# {record.name}: {stage.kind}{estimator}, {length} {start}, key {record.key}, {state}")
        if stage.kind == "rl":
            typer.echo(f"#   {_learning_rate(stage)}")
            if evaluations := held_out(laid_out, planned):
                each = ", ".join(f"{name} ({one.samples} samples)" for name, one in evaluations.benchmarks.items())
                typer.echo(f"#   evaluated at step 0, every {evaluations.every} steps and at the last step on {each}")
        typer.echo(_wrapped(stages.command(laid_out, planned)) + "\n")
    for planned in laid_out.evaluations:
        state = "done" if planned.finished else "to do"
        record, benchmark = planned.record, planned.benchmark
        typer.echo(
            f"# evaluate {record.checkpoint} on {record.benchmark}: {benchmark.samples} samples per problem, {state}"
        )


def _learning_rate(stage: RlStage) -> str:
    """Return the learning rate, and for each k the factor to GRPO's rate that makes steps as large as GRPO's."""
    from passk.experiment import lr_scaling

    factors = [
        f"k={scale.k} {f'x{scale.factor:.3g}' if scale.factor else 'unknown'}"
        + (f" from step {scale.step}" if scale.step > 1 else "")
        for scale in lr_scaling.scales(stage)
    ]
    more = f", ... {len(factors)} in total" if len(factors) > SCALES else ""
    rate = f"{lr_scaling.first_rate(stage):.3g}" + (", by lr: auto" if stage.lr == "auto" else "")
    return (
        f"lr {rate}; factor to GRPO's lr for equal steps ({stage.rollouts_per_prompt} / max eta): "
        f"{', '.join(factors[:SCALES])}{more}"
    )


def _wrapped(command: list[str]) -> str:
    lines, line = [], ""
    for word in map(shlex.quote, command):
        if word.startswith("--") and line:
            lines.append(line)
            line = f"    {word}"
        else:
            line = f"{line} {word}" if line else word
    return " \\\n".join([*lines, line])
