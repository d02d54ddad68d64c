"""Data of the study: two Parquet files with the results of experiments of several regimes and seeds.

    python -m studies.mazes export [EXPERIMENT ...] --runs runs      # default: all whose name starts with study-
    python -m studies.mazes remake                                   # tables.md, figures/ and the page

An experiment study-trap-s3 is a seed of the regime trap. An experiment study-trap-more-s3 adds methods to this seed.

problems.parquet    one row for each problem of a checkpoint: regime, method, seed, warm_start (key of its
                    stage; equal after a repeated training), checkpoint (`final` at the end of the method, else the
                    name of an earlier stage), split, problem_id, n (samples), c (correct samples)
steps.parquet       one row for each rl step of a method: regime, method, seed, step (of the whole method), k,
                    estimator, and its metrics

The rows of a method are complete: each method has its own copy of shared stages. An export adds to the existing files,
so several machines can train parts of the study, each with its own store.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from passk.base.errors import PasskError
from passk.files.layout import BASE
from passk.statistics.pass_at_k import pass_at_k
from passk.store import queries, reading
from reports.data.methods import Method
from reports.data.results import Results, load
from studies import frames
from studies.frames import typed

PREFIX, WARM, FINAL = "study-", "warm", "final"
PROBLEMS, STEPS = "problems.parquet", "steps.parquet"
KEYS = ["regime", "method", "seed"]
PROBLEM_COLUMNS = [*KEYS, "warm_start", "checkpoint", "split", "problem_id", "n", "c"]


@dataclass(frozen=True, eq=False)
class Study:
    """The two Parquet files as frames."""

    problems: pd.DataFrame
    steps: pd.DataFrame

    @property
    def regimes(self) -> list[str]:
        """Names of the regimes, the traps first."""
        return sorted(set(self.problems["regime"]), key=lambda name: (not name.startswith("trap"), name))

    def methods(self, regime: str) -> list[str]:
        """Return the finished methods of a regime, those of MAIN first."""
        finished = self.problems[(self.problems["regime"] == regime) & (self.problems["checkpoint"] == FINAL)]
        return sorted(set(finished["method"]), key=lambda name: (name not in MAIN, name))

    def seeds(self, regime: str, method: str, checkpoint: str = FINAL) -> list[int]:
        """Return the seeds in which the method's checkpoint has samples."""
        frame = self.problems
        rows = frame[(frame["regime"] == regime) & (frame["method"] == method) & (frame["checkpoint"] == checkpoint)]
        return sorted(map(int, rows["seed"].unique()))

    def scores(
        self, regime: str, method: str, splits: Sequence[str], k: int, checkpoint: str = FINAL
    ) -> dict[int, pd.Series]:
        """Return pass@k of each problem by (split, problem_id), one Series for each seed with all of the splits."""
        frame = self.problems
        chosen = frame[(frame["regime"] == regime) & (frame["method"] == method) & (frame["checkpoint"] == checkpoint)]
        chosen = chosen[chosen["split"].isin(splits)]
        by_seed = {}
        for seed, rows in chosen.groupby("seed"):
            if set(rows["split"]) == set(splits):
                rows = rows.sort_values(["split", "problem_id"])
                values = np.asarray(pass_at_k(rows["n"].to_numpy(), rows["c"].to_numpy(), k), dtype=float)
                by_seed[int(seed)] = pd.Series(values, pd.MultiIndex.from_frame(rows[["split", "problem_id"]]))
        return by_seed


MAIN = ("pass1", "passk_pass1")
"""Baseline and compared method."""
AFTER_PASSK = "passk"
"""Checkpoint between the Pass@k training and the Pass@1 training of the compared method."""


def regime_of(experiment: str) -> str:
    """Return the regime of an experiment's name: trap for study-trap-s3 and study-trap-more-s3."""
    return re.sub(r"(-more)?(-s\d+)?$", "", experiment.removeprefix(PREFIX))


def export(store: Path, directory: Path, names: Sequence[str] = ()) -> Study:
    """Write the two files from the store; return their content.

    names: of experiments; empty: all whose name starts with PREFIX. If two experiments have the same method of a regime
    and seed, the finished one counts, else the first by name. A method in the existing files stays if the store lacks
    it, or if only the files have it finished. Raises PasskError without an experiment, a seed or a result.
    """
    if not names:
        with reading(store) as connection:
            names = [name for name in queries.names(connection) if name.startswith(PREFIX)]
    if not names:
        raise PasskError(f"{store}: no experiment's name starts with {PREFIX}; name the experiments of the study")
    chosen: dict[tuple[str, int, str], tuple[Results, Method]] = {}
    for run in (load(store, name) for name in sorted(set(names))):
        if run.seed is None:
            raise PasskError(f"{run.name}: its record has no seed; run it again")
        for method in run.methods:
            key = (regime_of(run.name), run.seed, method.name)
            if key not in chosen or (method.name in run.checkpoints and method.name not in chosen[key][0].checkpoints):
                chosen[key] = (run, method)
    problems = [rows for key, (run, method) in sorted(chosen.items()) for rows in _problems(key, run, method)]
    steps = [rows for key, (run, method) in sorted(chosen.items()) for rows in _steps(key, run, method)]
    if not problems or not steps:
        raise PasskError(f"{', '.join(names)}: no trained and evaluated stage; finish one with `passk run`")
    study = Study(typed(pd.concat(problems)[PROBLEM_COLUMNS]), typed(pd.concat(steps)))
    if all((directory / name).is_file() for name in (PROBLEMS, STEPS)):
        study = added(study, read(directory))
    for frame, name in ((study.problems, PROBLEMS), (study.steps, STEPS)):
        frames.write(frame, directory / name)
    return study


def read(directory: Path) -> Study:
    """Read the two files. Raises PasskError if one is missing."""
    return Study(*(frames.read(directory / name, "mazes") for name in (PROBLEMS, STEPS)))


def added(new: Study, old: Study) -> Study:
    """Return the union by method: the new rows, except for methods that only the old study has or has finished."""
    finished = [set(_keys(study.problems[study.problems["checkpoint"] == FINAL])) for study in (new, old)]
    kept_keys = (set(_keys(old.problems)) - set(_keys(new.problems))) | (finished[1] - finished[0])
    merged = []
    for fresh, kept in ((new.problems, old.problems), (new.steps, old.steps)):
        parts = [fresh[~_keys(fresh).isin(kept_keys)], kept[_keys(kept).isin(kept_keys)]]
        # a stable sort keeps the order of a method's rows
        merged.append(pd.concat(parts).sort_values(["regime", "seed", "method"], kind="stable"))
    return Study(*map(typed, merged))


def _keys(frame: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(frame[KEYS])


def _problems(key: tuple[str, int, str], run: Results, method: Method) -> Iterator[pd.DataFrame]:
    regime, seed, name = key
    warm = run.record.stages.get(method.warm_start, BASE)
    for stage in (BASE, *(node.name for node in method.chain)):
        for benchmark in run.benchmarks:
            counts = run.problems(stage, benchmark)
            if counts is not None:
                rows = counts.reset_index().rename(columns={"benchmark": "split", "problem": "problem_id"})
                checkpoint = FINAL if stage == name else stage
                yield rows[["split", "problem_id", "n", "c"]].assign(
                    regime=regime, method=name, seed=seed, warm_start=warm, checkpoint=checkpoint
                )


def _steps(key: tuple[str, int, str], run: Results, method: Method) -> Iterator[pd.DataFrame]:
    regime, seed, name = key
    steps = frames.method_steps(run, method)
    if not steps.empty:
        keys = pd.DataFrame({"regime": regime, "method": name, "seed": seed}, index=steps.index)
        yield pd.concat([keys, steps], axis=1)
