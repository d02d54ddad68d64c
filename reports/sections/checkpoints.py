"""Which checkpoints of a training run a row of the results is of, and how far they are apart."""

import json
import statistics
from collections.abc import Callable, Iterator
from typing import Any

from passk.experiment.selection import KeepBest, Selection, StopWhen
from reports.data.comparison import Comparison, Entry
from reports.data.markdown import code, listed, table
from reports.data.results import Results


def checkpoint_table(comparison: Comparison) -> str:
    """Return one row for each run of a stage with `evaluate_last` and benchmark; empty without one.

    The spread is that between checkpoints of one training run, which says nothing of other runs.
    """
    rows = []
    for run, entry in _averaged(comparison):
        for benchmark in (name for name in comparison.benchmarks if run.problems(entry.checkpoint, name) is not None):
            cells = [_cell(run.by_step(entry.checkpoint, benchmark, k)) for k in comparison.ends(benchmark)]
            names = [code(run.name)] if len(comparison.results) > 1 else []
            steps = ", ".join(map(str, _steps(run, entry)))
            rows.append([code(entry.label), *names, code(benchmark), steps, *cells])
    if not rows:
        return ""
    ks = comparison.ends(comparison.benchmarks[0])
    names = ["experiment"] if len(comparison.results) > 1 else []
    return table(["checkpoint", *names, "benchmark", "of steps", *(f"pass@{k}" for k in ks)], rows, left=3 + len(names))


def _cell(values: dict[int | None, float]) -> str:
    """Return the lowest and the highest value of the checkpoints, and their standard deviation."""
    points = list(values.values())
    if len(points) < 2:
        return "–"
    return f"{min(points):.3f} to {max(points):.3f}, SD {statistics.stdev(points):.3f}"


def _averaged(comparison: Comparison) -> Iterator[tuple[Results, Entry]]:
    """Yield each run and entry with several evaluated checkpoints."""
    for entry in comparison.sampled:
        for run in entry.runs:
            if len(_steps(run, entry)) > 1:
                yield run, entry


def _steps(run: Results, entry: Entry) -> list[int]:
    """Return the steps of the evaluated checkpoints of a stage's row, in order."""
    rows = run.evaluations[run.evaluations["checkpoint"] == entry.checkpoint]
    last = run.stages.loc[run.stages["name"] == entry.checkpoint, "steps"]
    if entry.kind != "rl" or last.empty:
        return []
    return sorted({int(last.iloc[0]) if step != step else int(step) for step in rows["step"].astype(float)})


def about_rows(comparison: Comparison, name: Callable[[str], str] = code) -> list[str]:
    """Return sentences on rows that are a mean over checkpoints, or of a checkpoint that an evaluation has chosen."""
    counts: dict[int, list[str]] = {}
    for run, entry in _averaged(comparison):
        labels = counts.setdefault(len(_steps(run, entry)), [])
        labels += [] if entry.label in labels else [entry.label]
    means = [
        f"{listed([name(label) for label in labels])}: mean over the last {count} checkpoints of each training run. "
        "An interval treats them as repeated measurements of one run on the same problems."
        for count, labels in counts.items()
    ]
    return means + list(dict.fromkeys(_best(comparison, name))) + list(dict.fromkeys(_stopped(comparison, name)))


def _best(comparison: Comparison, name: Callable[[str], str]) -> Iterator[str]:
    for entry in comparison.entries:
        for run in entry.runs:
            configured = run.record.config["stages"].get(entry.checkpoint, {}).get("keep_best")
            if not configured:
                continue
            choice = KeepBest.model_validate(configured)
            of = f" of {name(run.name)}" if len(comparison.results) > 1 else ""
            models = run.stages.loc[run.stages["name"] == entry.checkpoint, ["models", "steps"]]
            for text, last in models.itertuples(index=False):
                best = _kept(text).get("best")
                if best is None:
                    continue
                where = (
                    f"the model of step {best} of {last}, which has the highest {_metric(choice, name)} of its training"
                )
                if best == last:
                    yield f"{name(entry.label)}{of}: its last model is its best one, {where}."
                else:
                    yield f"{name(f'{entry.label}@best')}{of}: {where}.{_selected(choice, run, name)}"


def _stopped(comparison: Comparison, name: Callable[[str], str]) -> Iterator[str]:
    for entry in comparison.entries:
        for run in entry.runs:
            configured = run.record.config["stages"].get(entry.checkpoint, {}).get("stop_when")
            if configured and (warning := _selected(choice := StopWhen.model_validate(configured), run, name)):
                yield f"{name(entry.label)}: {_metric(choice, name)} decides when its training stops.{warning}"


def _metric(choice: Selection, name: Callable[[str], str]) -> str:
    return f"held-out pass@{choice.k} on {name(choice.benchmark)}"


def _selected(choice: Selection, run: Results, name: Callable[[str], str]) -> str:
    """Return a warning if the benchmark that decides is one of the report; empty for a validation benchmark."""
    if choice.benchmark not in run.benchmarks:
        return ""
    return (
        f" **Selected on {name(choice.benchmark)}**, on which this report also compares: its values there are too high."
    )


def _kept(text: Any) -> dict[str, Any]:
    return json.loads(text) if isinstance(text, str) else {}
