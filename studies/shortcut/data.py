"""Results of the study: two Parquet files, written from the store.

problems.parquet    one row for each test problem of a checkpoint: e, luck, method, seed, warm_start (key of its stage),
                    problem_id, hint_correct, n (samples), c (correct samples). The method is the name of the last
                    stage: pass1 and passk_pass1 are the methods. skill and warm are checkpoints on the way.
steps.parquet       one row for each rl step of a method: e, luck, method, seed, warm_start, step, k, estimator, metrics
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from passk.base.errors import PasskError
from passk.store import queries, reading
from reports.data.results import Results, load
from studies import frames
from studies.frames import typed
from studies.shortcut.design import PREFIX

PROBLEMS, STEPS = "problems.parquet", "steps.parquet"
RUN = ["e", "luck", "seed", "warm_start"]
"""Columns that identify an experiment."""
PROBLEM_COLUMNS = ["e", "luck", "method", "seed", "warm_start", "problem_id", "hint_correct", "n", "c"]
METHODS = ("pass1", "passk_pass1")
Key = tuple[float, float, int, str]
"""Values of the columns RUN."""


def export(store: Path, directory: Path) -> None:
    """Add all experiments of the study in a store to the two files. Raise PasskError without any result.

    Rows of experiments that the store does not have are kept, so that several machines can run the study.
    """
    with reading(store) as connection:
        names = [name for name in queries.names(connection) if name.startswith(f"{PREFIX}e")]
    problems, steps = [], []
    for run in (load(store, name) for name in sorted(names)):
        keys = _keys(run)
        problems += _problems(run, keys)
        for method in run.methods:
            rows = frames.method_steps(run, method)
            if method.name in METHODS and not rows.empty:
                steps.append(pd.concat([_repeated(keys | {"method": method.name}, rows), rows], axis=1))
    if not problems or not steps:
        raise PasskError(f"{store}: no trained and evaluated experiment of the study; finish one with `run`")
    # e and luck stay float64, so they equal the values of the design
    table = pd.concat(problems).astype({"seed": "int32", "n": "int32", "c": "int32"})
    curves = pd.concat(steps)
    exact = curves[["e", "luck"]].reset_index(drop=True)
    _add(table[PROBLEM_COLUMNS].reset_index(drop=True), directory / PROBLEMS)
    _add(typed(curves).assign(e=exact["e"], luck=exact["luck"]), directory / STEPS)


def _add(rows: pd.DataFrame, file: Path) -> None:
    """Add rows to a file; those of the same runs are replaced."""
    if file.is_file():
        before = pd.read_parquet(file)
        kept = ~pd.MultiIndex.from_frame(before[RUN]).isin(pd.MultiIndex.from_frame(rows[RUN]))
        rows = pd.concat([before[kept], rows])
    frames.write(rows.sort_values(RUN, kind="stable").reset_index(drop=True), file)


def read(directory: Path) -> pd.DataFrame:
    """Read problems.parquet. Raise PasskError if it is missing."""
    return frames.read(directory / PROBLEMS, "shortcut")


def runs(directory: Path) -> set[Key]:
    """Return the keys of all runs in problems.parquet; none if it is missing."""
    file = directory / PROBLEMS
    return set(pd.read_parquet(file, columns=RUN).itertuples(index=False, name=None)) if file.is_file() else set()


def key(seed: int, training: Mapping[str, Any], warm_start: str) -> Key:
    """Return the columns RUN of an experiment. training: its training problems; warm_start: the key of the stage."""
    return training["hint_correct"], 1 / training["states"], seed, warm_start


def _keys(run: Results) -> dict[str, Any]:
    (warm,) = {method.warm_start for method in run.methods}
    return dict(
        zip(RUN, key(run.seed, run.record.config["problems"]["training"], run.record.stages[warm]), strict=True)
    )


def _problems(run: Results, keys: dict[str, Any]) -> list[pd.DataFrame]:
    """Return the counts of each checkpoint that has samples of both kinds of problems."""
    parts = []
    for checkpoint in run.checkpoints:
        both = {kind: run.problems(checkpoint, kind) for kind in ("correct", "incorrect")}
        for kind, counts in both.items():
            if all(part is not None for part in both.values()):
                rows = counts.reset_index().rename(columns={"problem": "problem_id"})
                values = keys | {"method": checkpoint, "hint_correct": kind == "correct"}
                parts.append(pd.concat([_repeated(values, rows), rows[["problem_id", "n", "c"]]], axis=1))
    return parts


def _repeated(values: dict[str, Any], rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(values, index=rows.index)
