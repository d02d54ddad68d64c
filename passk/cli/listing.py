"""`passk list`, `passk benchmarks list` and `passk schema`: experiments, benchmarks and the file schema."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from passk.base.errors import ConfigError
from passk.base.terminal import aligned
from passk.files import file_lock

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
        (name, found.problems["source"], found.problems.get("split", "test"), str(found.max_response))
        for name, found in ((name, preset(name)) for name in (*PRESETS, *PUZZLES))
    ]
    rows.append(("reasoning_gym.TASK", "reasoning_gym", "test", "4096"))
    typer.echo("\n".join(aligned([("benchmark", "source", "split", "max_response"), *rows], right=(3,))))


def list_experiments(runs: Runs = Path("runs")) -> None:
    """Print each experiment with its state and its number of finished training steps."""
    if not runs.is_dir():
        raise ConfigError("runs", f"{runs} is not a directory", "name the directory that contains the runs")
    rows = [_row(record) for record in sorted(runs.glob("*/experiment.json"))]
    typer.echo("\n".join(aligned([("experiment", "state", "step", "of"), *rows], right=(2, 3))))


def schema() -> None:
    """Print the JSON schema of experiment files, for editors."""
    from passk.experiment.config import Experiment

    typer.echo(json.dumps(Experiment.model_json_schema(by_alias=True), indent=2))


def _row(file: Path) -> tuple[str, str, str, str]:
    """Return name, state, steps done and steps in all; a damaged record has no steps."""
    name, runs = file.parent.name, file.parent.parent
    try:
        record: dict[str, Any] = json.loads(file.read_text())
        stages = record["config"]["stages"]
        steps = sum(int(stage["steps"]) for stage in stages.values())
        keys = [record["stages"][stage] for stage in stages]
        ended = record["sessions"][-1].get("ended") if record["sessions"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return name, "damaged record", "-", "-"
    done = sum(max((_lines(path) for path in runs.glob(f"*/stages/{key}/metrics.jsonl")), default=0) for key in keys)
    running = file_lock.is_held(runs / ".locks" / f"experiment-{name}")
    return name, "running" if running else ended or "stopped", str(done), str(steps)


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")
