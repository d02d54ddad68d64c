"""All metrics of an evaluation with their intervals, as a table for a terminal."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from passk.base.errors import PasskError
from passk.base.terminal import aligned
from passk.experiment.plan import PlannedEvaluation
from passk.statistics.bootstrap import Estimate
from passk.statistics.summary import Samples, by_problem, summary

_COLUMNS = ("score", "correct", "extracted", "tokens", "finish_reason", "logprob")


def table(evaluations: Sequence[PlannedEvaluation]) -> str:
    """Return a table with one row per metric and one column per finished benchmark."""
    columns = {each.record.benchmark: _figures(each) for each in evaluations if each.finished}
    names = dict.fromkeys(name for figures in columns.values() for name in figures)
    rows = [["", *columns]]
    rows += [[name, *(_shown(figures.get(name)) for figures in columns.values())] for name in names]
    return "\n".join(aligned(rows, right=range(1, len(rows[0]))))


def _figures(evaluation: PlannedEvaluation) -> dict[str, Estimate]:
    config = evaluation.benchmark
    on_policy = config.temperature == 1 and config.top_p == 1
    file = evaluation.directory / "samples.parquet"
    try:
        samples = read(file, config.samples, on_policy=on_policy)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PasskError(f"{file}: damaged ({reason}); delete its directory and repeat the command") from None
    votes = [k for k in config.k if k > 1]
    return summary(by_problem(samples, sorted(set(config.k)), votes))


def read(file: Path, samples: int, *, on_policy: bool) -> Samples:
    """Return a samples.parquet as arrays [P, samples]; the file has the samples of a problem one after the other."""
    import pandas as pd
    import pyarrow.parquet

    columns = pyarrow.parquet.read_table(file, columns=list(_COLUMNS)).to_pandas()
    codes, _ = pd.factorize(columns["extracted"])
    answer = np.where(columns["extracted"] == "", -1, codes)

    def problems(values: np.ndarray) -> np.ndarray:
        return np.asarray(values).reshape(-1, samples)

    return Samples(
        score=problems(columns["score"]),
        correct=problems(columns["correct"]),
        answer=problems(answer),
        tokens=problems(columns["tokens"]),
        truncated=problems(columns["finish_reason"] == "length"),
        logprob=problems(columns["logprob"]),
        on_policy=on_policy,
    )


def _shown(figure: Estimate | None) -> str:
    if figure is None or math.isnan(figure.value):
        return "-"
    digits = 1 if abs(figure.high) >= 10 else 3
    return f"{figure.value:.{digits}f} [{figure.low:.{digits}f}, {figure.high:.{digits}f}]"
