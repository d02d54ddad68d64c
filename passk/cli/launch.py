"""`passk launch --slurm`: the sbatch script of an experiment."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from passk.base.errors import ConfigError
from passk.cli.listing import Runs
from passk.cli.show_plan import File
from passk.experiment import validate


def launch(
    file: File,
    slurm: Annotated[bool, typer.Option("--slurm", help="Print an sbatch script (default: off).")] = False,
    runs: Runs = Path("runs"),
) -> None:
    """Print a script that runs an experiment under a scheduler and resumes it after a preemption."""
    from passk.experiment.plan import plan
    from passk.experiment.slurm import script

    if not slurm:
        raise ConfigError("slurm", "no scheduler is named", "add --slurm")
    experiment = validate.load(file)
    plan(experiment, runs)  # the graph of its stages is valid
    programs = Path(sys.executable).parent
    typer.echo(script(experiment, file, runs, directory=Path.cwd(), programs=programs), nl=False)
