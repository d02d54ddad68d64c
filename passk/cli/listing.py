"""`passk list`, `passk benchmarks list` and `passk schema`: experiments, benchmarks and the file schema."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from passk.base.errors import ConfigError
from passk.base.terminal import aligned, printable
from passk.files import file_lock, layout

benchmarks = typer.Typer(help="List the named benchmarks.", no_args_is_help=True)


def _is_path(runs: Path) -> Path:
    """Raise ConfigError if the file system cannot hold the name."""
    try:
        runs.exists()
    except OSError as error:
        raise ConfigError("runs", f"not a path: {error.strerror}", "name another directory") from None
    return runs


Runs = Annotated[Path, typer.Option(help="Directory of all runs.", callback=_is_path)]


@benchmarks.callback()
def _group() -> None:
    """List the named benchmarks."""


@benchmarks.command("list")
def list_benchmarks() -> None:
    """Print each benchmark with its source, its split and its response limit in tokens."""
    from passk.experiment.benchmark_presets import PRESETS, PUZZLES, preset

    rows = [
        (name, settings.problems["source"], settings.problems.get("split", "test"), str(settings.max_response))
        for name, settings in ((name, preset(name)) for name in (*PRESETS, *PUZZLES))
    ]
    rows.append(("reasoning_gym.TASK", "reasoning_gym", "test", "4096"))
    typer.echo("\n".join(aligned([("benchmark", "source", "split", "max_response"), *rows], right=(3,))))


def list_experiments(runs: Runs = Path("runs")) -> None:
    """Print each experiment with its state and its number of finished training steps."""
    if not runs.is_dir():
        raise ConfigError("runs", f"{runs} is not a directory", "name the directory that contains the runs")
    done = _steps(runs)
    rows = [_row(record, done) for record in layout.experiment_records(runs)]
    typer.echo("\n".join(aligned([("experiment", "state", "step", "of"), *rows], right=(2, 3))))


def schema() -> None:
    """Print the JSON schema of experiment files, for editors."""
    from passk.experiment.config import Experiment
    from passk.experiment.units import with_units

    typer.echo(json.dumps(with_units(Experiment.model_json_schema(by_alias=True)), indent=2))


def _row(file: Path, done: dict[str, int]) -> tuple[str, str, str, str]:
    """Return name, state, steps done and steps in all; a damaged record has no steps.

    done: number of recorded steps by the key of their stage.
    """
    name, runs = file.parent.name, file.parent.parent
    try:
        record: dict[str, Any] = json.loads(file.read_text())
        stages = record["config"]["stages"]
        steps = sum(int(stage["steps"]) for stage in stages.values())
        finished = sum(done.get(record["stages"][stage], 0) for stage in stages)
        ended = record["sessions"][-1].get("ended") if record["sessions"] else None
        state = {"done": "done", "failed": "failed"}.get(ended, "stopped")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return printable(name), "damaged record", "-", "-"
    running = file_lock.is_held(layout.experiment_lock(runs, name))
    return printable(name), "running" if running else state, str(finished), str(steps)


def _steps(runs: Path) -> dict[str, int]:
    """Return the number of recorded steps by the key of their stage, the most of several directories."""
    steps: dict[str, int] = {}
    for stage in layout.stages_under(runs):
        with suppress(OSError):
            steps[stage.name] = max(steps.get(stage.name, 0), layout.metrics(stage).read_bytes().count(b"\n"))
    return steps
