"""Run the experiments of the study one after the other.

Finished ones are skipped, so the command can be repeated. So are those in problems.parquet, which another machine ran.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from passk.base.errors import ConfigError, SomeFailed
from passk.experiment.config import load
from passk.experiment.plan import plan
from passk.files.layout import is_finished
from studies.shortcut import data, design

COMMAND = (sys.executable, "-c", "from passk.cli.main import main; main()", "run")
"""The command `passk run` of this environment."""
_print = partial(print, flush=True)


def files(directory: Path, only: str = "") -> list[Path]:
    """Return the experiment files of a directory in the declared order. Raise ConfigError if there is none.

    only: name of a cell, such as e70-s20, or empty for all cells.
    """
    planned = design.runs(design.LOOKS[-1])
    cells = sorted({run.cell for run in planned})
    if only and only not in cells:
        raise ConfigError("only", f"no cell has the name {only!r}", f"choose one of {', '.join(cells)}")
    named = [directory / f"{run.name}.yaml" for run in planned if only in ("", run.cell)]
    if not (existing := [file for file in named if file.is_file()]):
        raise ConfigError("directory", f"{directory} has no experiment file of the study", "write them with `design`")
    return existing


def run_all(
    directory: Path,
    runs: Path,
    only: str = "",
    hours: float | None = None,
    exported: Path | None = None,
    command: tuple[str, ...] = COMMAND,
    show: Callable[[str], None] = _print,
) -> None:
    """Run each unfinished experiment and print a line with its wall time. The output is in a .log file beside its file.

    hours: no experiment starts later than this. exported: directory of problems.parquet (None: no such file).
    A failure does not stop the others. Raise SomeFailed at the end.
    """
    started, failed = time.monotonic(), []
    known = data.runs(exported) if exported else set()
    for file in files(directory, only):
        if finished(file, runs, known):
            show(f"{file.stem}: finished before")
            continue
        before = time.monotonic()
        if hours is not None and before - started > 3600 * hours:
            show(f"stopped after {hours:g} h; repeat the command to continue with {file.stem}")
            break
        with file.with_suffix(".log").open("a", encoding="utf-8") as log:
            status = subprocess.run(
                [*command, str(file), "--runs", str(runs)], stdout=log, stderr=subprocess.STDOUT, check=False
            ).returncode
        minutes = (time.monotonic() - before) / 60
        outcome = "done" if status == 0 else f"exit status {status}, see {log.name}"
        show(f"{file.stem}: {outcome}, {minutes:.1f} min")
        if status:
            failed.append(file.stem)
    if failed:
        raise SomeFailed(f"run: {', '.join(failed)} failed; repeat the command to resume them")


def finished(file: Path, runs: Path, known: Collection[data.Key] = ()) -> bool:
    """Return whether all stages, all evaluations and the report of an experiment exist, or its key is known."""
    experiment = load(file)
    whole = plan(experiment, runs)
    warm = next(stage.record.key for stage in whole.stages if stage.record.name == "warm")
    if data.key(experiment.seed, experiment.problems["training"].model_dump(), warm) in known:
        return True
    if not (runs / experiment.name / "report.md").is_file():
        return False
    return all(stage.finished for stage in whole.stages) and all(is_finished(e.directory) for e in whole.evaluations)
