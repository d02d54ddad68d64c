"""The study: many experiments, of several regimes and seeds -> two Parquet files, and from these alone all its numbers.

    python -m studies.mazes export [EXPERIMENT ...] --runs runs      # all that are named study-...
    python -m studies.mazes remake   # tables.md and figures/ again

An experiment study-trap-s3 is a seed of the regime trap; so is study-trap-more-s3, with further arms.

problems.parquet    a row a problem of a checkpoint: regime, arm, seed, warm_start (its stage's key, which one that is
                    trained again has too), checkpoint (`final` at the end of the arm, else the name of a stage on the
                    way), split, problem_id, n (samples), c (right ones)
steps.parquet       a row an rl step of an arm: regime, arm, seed, step (of all of the arm), k, rule, and its metrics

Each arm is whole: what it shares with another (the warm start, a first stage) is there for both. An export adds to what
the two files hold already: a study can be run in pieces, on one machine or on several, each with a store of its own.
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

MARKED = re.compile(r"(<!-- numbers -->).*?(<!-- end of numbers -->)", re.DOTALL)
"""the part of a page that `remake` writes"""
PREFIX, WARM, FINAL = "study-", "warm", "final"
PROBLEMS, STEPS = "problems.parquet", "steps.parquet"
KEYS = ["regime", "arm", "seed"]
PROBLEM_COLUMNS = [*KEYS, "warm_start", "checkpoint", "split", "problem_id", "n", "c"]
METRICS = [
    "reward", "entropy", "distinct", "all_wrong", "all_right", "few_wrong", "length", "truncated", "clip_ratio",
    "grad_norm", "lr", "tokens", "seconds",
]  # fmt: skip
"""of a step, beside its pass@k as pass_at_1, pass_at_2, ..."""
STORE_NAMES = {
    "total_step": "step", "estimator": "rule", "all_incorrect": "all_wrong", "all_correct": "all_right",
    "few_incorrect": "few_wrong",
}  # fmt: skip
"""column of the store -> column of steps.parquet"""


@dataclass(frozen=True, eq=False)
class Study:
    """The two files as frames."""

    problems: pd.DataFrame
    steps: pd.DataFrame

    @property
    def regimes(self) -> list[str]:
        """The traps first, since the rest is read against it."""
        return sorted(set(self.problems["regime"]), key=lambda name: (not name.startswith("trap"), name))

    def arms(self, regime: str) -> list[str]:
        own = self.problems[(self.problems["regime"] == regime) & (self.problems["checkpoint"] == FINAL)]
        return sorted(set(own["arm"]), key=lambda name: (name not in MAIN, name))

    def seeds(self, regime: str, arm: str, checkpoint: str = FINAL) -> list[int]:
        """Those in which the arm came to the checkpoint and was sampled there."""
        frame = self.problems
        own = frame[(frame["regime"] == regime) & (frame["arm"] == arm) & (frame["checkpoint"] == checkpoint)]
        return sorted(map(int, own["seed"].unique()))

    def scores(
        self, regime: str, arm: str, splits: Sequence[str], k: int, checkpoint: str = FINAL
    ) -> dict[int, pd.Series]:
        """pass@k of each problem by (split, problem_id), a Series a seed; seeds without all the splits are left out."""
        frame = self.problems
        own = frame[(frame["regime"] == regime) & (frame["arm"] == arm) & (frame["checkpoint"] == checkpoint)]
        own = own[own["split"].isin(splits)]
        found = {}
        for seed, rows in own.groupby("seed"):
            if set(rows["split"]) == set(splits):
                rows = rows.sort_values(["split", "problem_id"])
                values = np.asarray(pass_at_k(rows["n"].to_numpy(), rows["c"].to_numpy(), k), dtype=float)
                found[int(seed)] = pd.Series(values, pd.MultiIndex.from_frame(rows[["split", "problem_id"]]))
        return found


MAIN = ("pass1", "passk_pass1")
"""baseline and challenger"""
AFTER_PASSK = "passk"
"""where the challenger's Pass@k training ends and its Pass@1 training begins"""


def regime_of(experiment: str) -> str:
    """trap of study-trap-s3 and of study-trap-more-s3."""
    return re.sub(r"(-more)?(-s\d+)?$", "", experiment.removeprefix(PREFIX))


def export(store: Path, directory: Path, names: Sequence[str] = ()) -> Study:
    """Write the two files from the store. names: of experiments; none: all that are called study-...

    Where two experiments have the same arm of a regime and seed, the one that is finished counts, else the first by
    name. An arm that the files hold already stays where the store has it not, or has not finished what is finished
    there. Raises PasskError where there is none, or one has no seed.
    """
    if not names:
        with reading(store) as connection:
            names = [name for name in queries.names(connection) if name.startswith(PREFIX)]
    if not names:
        raise PasskError(f"{store}: no experiment is called {PREFIX}...; name those of the study")
    chosen: dict[tuple[str, int, str], tuple[Results, Method]] = {}
    for run in (load(store, name) for name in sorted(set(names))):
        if run.seed is None:
            raise PasskError(f"{run.name}: its record has no seed; run it again")
        for arm in run.methods:
            key = (regime_of(run.name), run.seed, arm.name)
            if key not in chosen or (arm.name in run.checkpoints and arm.name not in chosen[key][0].checkpoints):
                chosen[key] = (run, arm)
    problems = [rows for key, (run, arm) in sorted(chosen.items()) for rows in _problems(key, run, arm)]
    steps = [rows for key, (run, arm) in sorted(chosen.items()) for rows in _steps(key, run, arm)]
    if not problems or not steps:
        raise PasskError(f"{', '.join(names)}: nothing of them has been trained and sampled yet")
    study = Study(_typed(pd.concat(problems)[PROBLEM_COLUMNS]), _typed(pd.concat(steps)))
    if all((directory / name).is_file() for name in (PROBLEMS, STEPS)):
        study = added(study, read(directory))
    directory.mkdir(parents=True, exist_ok=True)
    for frame, name in ((study.problems, PROBLEMS), (study.steps, STEPS)):
        frame.to_parquet(directory / name, index=False, compression="zstd", compression_level=15)
    return study


def read(directory: Path) -> Study:
    """Raises PasskError where a file is missing."""
    for name in (PROBLEMS, STEPS):
        if not (directory / name).is_file():
            raise PasskError(f"{directory / name}: no such file; python -m studies.mazes export makes it")
    return Study(pd.read_parquet(directory / PROBLEMS), pd.read_parquet(directory / STEPS))


def added(new: Study, old: Study) -> Study:
    """Both, arm by arm: the new ones, but for those that only the old one has, or has finished."""
    finished = [set(_keys(study.problems[study.problems["checkpoint"] == FINAL])) for study in (new, old)]
    stays = (set(_keys(old.problems)) - set(_keys(new.problems))) | (finished[1] - finished[0])
    frames = []
    for fresh, kept in ((new.problems, old.problems), (new.steps, old.steps)):
        parts = [fresh[~_keys(fresh).isin(stays)], kept[_keys(kept).isin(stays)]]
        # a stable sort: the rows of an arm stay as they follow each other
        frames.append(pd.concat(parts).sort_values(["regime", "seed", "arm"], kind="stable"))
    return Study(*(_typed(frame) for frame in frames))


def _keys(frame: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(frame[KEYS])


def _problems(key: tuple[str, int, str], run: Results, arm: Method) -> Iterator[pd.DataFrame]:
    regime, seed, name = key
    warm = run.record.stages.get(arm.warm_start, BASE)
    for stage in (BASE, *(node.name for node in arm.chain)):
        for benchmark in run.benchmarks:
            found = run.problems(stage, benchmark)
            if found is not None:
                rows = found.reset_index().rename(columns={"benchmark": "split", "problem": "problem_id"})
                checkpoint = FINAL if stage == name else stage
                yield rows[["split", "problem_id", "n", "c"]].assign(
                    regime=regime, arm=name, seed=seed, warm_start=warm, checkpoint=checkpoint
                )


def _steps(key: tuple[str, int, str], run: Results, arm: Method) -> Iterator[pd.DataFrame]:
    regime, seed, name = key
    for node in arm.rl:
        own = run.steps[run.steps["stage"] == node.name]
        if not own.empty:
            curves = pd.DataFrame([{int(k): value for k, value in curve.items()} for curve in own["pass_at_k"]])
            kept = own.drop(columns="step").rename(columns=STORE_NAMES)[["step", "k", "rule", *METRICS]]
            curves = curves.reindex(columns=sorted(curves)).add_prefix("pass_at_").set_index(kept.index)
            whose = pd.DataFrame({"regime": regime, "arm": name, "seed": seed}, index=kept.index)
            yield pd.concat([whose, kept, curves], axis=1)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Whole numbers and floats of 32 bits: no metric has more digits that mean something."""
    whole = [name for name in ("seed", "step", "k", "tokens", "n", "c") if name in frame]
    types = dict.fromkeys(frame.select_dtypes("number").columns, "float32") | dict.fromkeys(whole, "int32")
    return frame.astype(types).reset_index(drop=True)
