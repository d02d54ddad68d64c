"""`passk report` and `passk compare`: reports from the database."""

import os
from pathlib import Path
from typing import Annotated

import typer

from passk.base import extras
from passk.cli.listing import Runs
from passk.files import layout


def require(command: str, extra: str) -> None:
    """Raise PasskError if the command lacks a checkout or an extra, before it does anything."""
    extras.require_checkout(command)
    extras.require(extra, command)


def report(
    experiment: Annotated[str, typer.Argument(help="Name of the experiment.")], runs: Runs = Path("runs")
) -> None:
    """Rewrite the report of an experiment from the database."""
    require("report", "report")
    import reports

    typer.echo(f"report: {os.path.relpath(reports.write_report(layout.store(runs), runs / experiment))}")


def compare(
    experiments: Annotated[list[str], typer.Argument(help="Two or more experiments. Seeds of one design are pooled.")],
    to: Annotated[Path | None, typer.Option(help="Report directory (default: comparisons/A+B in --runs).")] = None,
    runs: Runs = Path("runs"),
) -> None:
    """Compare experiments in one report: methods by name, over all seeds."""
    require("compare", "report")
    import reports

    written, table = reports.compare(layout.store(runs), experiments, to)
    typer.echo(f"{table}\n\nreport: {os.path.relpath(written)}")
