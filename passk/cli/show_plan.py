"""`passk plan`: the stages and evaluations of an experiment, with the exact command of each stage."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from passk.base import extras
from passk.cli.listing import Runs
from passk.experiment import validate
from passk.experiment.plan import plan
from passk.experiment.planned import PlannedEvaluation
from passk.models import remote_code

File = Annotated[Path, typer.Argument(help="Experiment file (YAML).")]


def show_plan(file: File, runs: Runs = Path("runs")) -> None:
    """Print each stage with its state and exact command, then each evaluation."""
    extras.require("train", "plan")
    from passk.openrlhf import passthrough
    from passk.pipeline import capacity, memory, stages
    from passk.pipeline.evaluation_request import format_of
    from passk.pipeline.held_out_request import held_out

    laid_out = plan(validate.load(file), runs)
    passthrough.check(laid_out.experiment)
    model = laid_out.experiment.model
    remote_code.check(laid_out.model, trusted=model.trust_remote_code)
    if model.path:
        code = "runs (model.trust_remote_code)" if model.trust_remote_code else "is refused"
        typer.echo(f"# model {laid_out.model}: its own code {code}")
    typer.echo(f"# prompts: {format_of(laid_out).about}")
    size = capacity.size_of(laid_out.experiment)
    for planned in laid_out.stages:
        stage, record = planned.stage, planned.record
        state = "done" if planned.finished else "to do"
        start = f"from {stage.parent}" if stage.parent else f"from {laid_out.model}"
        estimator = (
            f", {stage.advantage.until(stage.steps, {})[0].label} k={stage.k.label}" if stage.kind == "rl" else ""
        )
        length = f"{stage.steps} steps"
        if stage.kind == "rl" and stage.conditions.shown:
            length = f"at most {stage.steps} steps, {stage.conditions.shown},"
        typer.echo(f"# {record.name}: {stage.kind}{estimator}, {length} {start}, key {record.key}, {state}")
        if stage.mix:
            typer.echo(f"#   problems: {', '.join(f'{name} ({weight:g})' for name, weight in stage.mix.items())}")
        if evaluations := held_out(laid_out, planned):
            each = ", ".join(f"{name} ({one.samples} samples)" for name, one in evaluations.benchmarks.items())
            typer.echo(f"#   evaluated at step 0, every {evaluations.every} steps and at the last step on {each}")
        if size:
            typer.echo(f"#   {memory.about(size, stage, laid_out.experiment)}")
        typer.echo(_wrapped(stages.command(laid_out, planned)) + "\n")
    if size and laid_out.evaluations and not laid_out.experiment.engine:
        typer.echo(f"# evaluations: {memory.about_evaluations(size, laid_out.experiment)}")
    for planned in laid_out.evaluations:
        state = "done" if planned.finished else "to do"
        record, benchmark = planned.record, planned.benchmark
        typer.echo(
            f"# evaluate {record.checkpoint}{_earlier(planned)} on {record.benchmark}: "
            f"{benchmark.samples} samples per problem, {state}"
        )


def _earlier(planned: PlannedEvaluation) -> str:
    """Return which checkpoint of a stage is evaluated; empty for the last one."""
    if not planned.before_last:
        return ""
    one = planned.before_last == 1
    return f", {planned.before_last} checkpoint{'' if one else 's'} before the last,"


def _wrapped(command: list[str]) -> str:
    lines, line = [], ""
    for word in map(shlex.quote, command):
        if word.startswith("--") and line:
            lines.append(line)
            line = f"    {word}"
        else:
            line = f"{line} {word}" if line else word
    return " \\\n".join([*lines, line])
