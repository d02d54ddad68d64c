"""`passk prune`: list or delete what no experiment stands on."""

import os
from pathlib import Path
from typing import Annotated

import typer

from passk.base.errors import ConfigError
from passk.base.terminal import aligned, printable
from passk.cli.listing import Runs

MIB = 2**20


def prune(
    delete: Annotated[bool, typer.Option("--delete", help="Delete them (default: only list them).")] = False,
    runs: Runs = Path("runs"),
) -> None:
    """List the stages, evaluations and problems of earlier configurations. No report stands on them."""
    from passk.pipeline import prune as superseded_files

    if not runs.is_dir():
        raise ConfigError("runs", f"{runs} is not a directory", "name the directory that contains the runs")
    superseded = superseded_files.superseded(runs)
    if delete:
        superseded = superseded_files.delete(runs, superseded)
    rows = [
        (f"{each.size / MIB:,.1f}", printable(os.path.relpath(each.path)), printable(each.what)) for each in superseded
    ]
    if rows:
        typer.echo("\n".join(aligned([("MiB", "path", "what"), *rows], right=(0,))))
    total = sum(each.size for each in superseded) / MIB
    done = "deleted" if delete else "superseded, not deleted; add --delete"
    typer.echo(f"{len(superseded)} items, {total:,.1f} MiB: {done}" if superseded else "nothing is superseded")
