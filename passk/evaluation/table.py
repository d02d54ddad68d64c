"""All metrics of an evaluation with their intervals, as a table for a terminal."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from passk.base.errors import PasskError, one_line
from passk.base.terminal import aligned
from passk.experiment.benchmark import Benchmark
from passk.experiment.plan import PlannedEvaluation
from passk.files import layout
from passk.statistics.bootstrap import Estimate
from passk.statistics.further import Counts, columns
from passk.statistics.summary import Samples, by_problem, summary

_COLUMNS = ("score", "correct", "extracted", "tokens", "finish_reason", "logprob")


def table(evaluations: Sequence[PlannedEvaluation]) -> str:
    """Return a table with one row per metric and one column per finished benchmark."""
    of_each = {each.record.benchmark: _figures(each) for each in evaluations if each.finished}
    names = dict.fromkeys(name for figures in of_each.values() for name in figures)
    rows = [["", *of_each]]
    rows += [[name, *(_shown(figures.get(name)) for figures in of_each.values())] for name in names]
    return "\n".join(aligned(rows, right=range(1, len(rows[0]))))


def _figures(evaluation: PlannedEvaluation) -> dict[str, Estimate]:
    config = evaluation.benchmark
    on_policy = config.temperature == 1 and config.top_p == 1
    file = layout.samples(evaluation.directory)
    try:
        samples = read(file, config.samples, on_policy=on_policy)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _damaged(file, error) from None
    votes = [k for k in config.k if k > 1]
    return summary(by_problem(samples, sorted(set(config.k)), votes)) | _further(samples, config)


def _further(samples: Samples, config: Benchmark) -> dict[str, Estimate]:
    """Return the further metrics that the benchmark asks for."""
    n = np.full(len(samples.correct), samples.correct.shape[1])
    counts = Counts(n, samples.correct.sum(axis=1), list(samples.correct), list(samples.logprob))
    values_by_title = dict(each for name in config.metrics for each in columns(name, counts, sorted(config.k)))
    plain = {title: values for title, values in values_by_title.items() if not isinstance(values, Estimate)}
    summaries = summary(plain) if plain else {}
    return {title: summaries.get(title, values) for title, values in values_by_title.items()}


def read(file: Path, samples: int, *, on_policy: bool) -> Samples:
    """Return a samples.parquet as arrays [P, samples]; the file has the samples of a problem one after the other."""
    import pandas as pd
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(file, columns=list(_COLUMNS)).to_pandas()
    codes, _ = pd.factorize(rows["extracted"])
    answer = np.where(rows["extracted"] == "", -1, codes)

    def problems(values: np.ndarray) -> np.ndarray:
        return np.asarray(values).reshape(-1, samples)

    return Samples(
        score=problems(rows["score"]),
        correct=problems(rows["correct"]),
        answer=problems(answer),
        tokens=problems(rows["tokens"]),
        truncated=problems(rows["finish_reason"] == "length"),
        logprob=problems(rows["logprob"]),
        on_policy=on_policy,
    )


def correct_counts(file: Path) -> np.ndarray:
    """Return the number of correct samples of each problem in a samples.parquet, [P]. Raise PasskError if damaged."""
    import pyarrow.parquet

    try:
        columns = pyarrow.parquet.read_table(file, columns=["problem", "correct"])
        counts = columns.group_by("problem").aggregate([("correct", "sum")])
        return counts.sort_by("problem")["correct_sum"].to_numpy()
    except (OSError, pyarrow.ArrowException, KeyError) as error:
        raise _damaged(file, error) from None


def _damaged(file: Path, error: Exception) -> PasskError:
    reason = one_line(error, 200)
    return PasskError(f"{file}: damaged ({reason}); delete its directory and repeat the command")


def _shown(figure: Estimate | None) -> str:
    if figure is None or math.isnan(figure.value):
        return "-"
    digits = 1 if abs(figure.high) >= 10 else 3
    return f"{figure.value:.{digits}f} [{figure.low:.{digits}f}, {figure.high:.{digits}f}]"
