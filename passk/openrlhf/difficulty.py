"""Metrics of a training step by the difficulty of its problems."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from passk.base.errors import ConfigError, nearest, one_line


def difficulties(problems: Path | None) -> dict[str, str]:
    """Return the difficulty of each problem that has one, by its id; {} without a file. Raise ConfigError.

    problems: a Parquet file with the columns id and difficulty.
    """
    if problems is None:
        return {}
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(problems, columns=["id", "difficulty"])
    except (OSError, ValueError, KeyError) as error:
        reason = one_line(error, 200)
        raise ConfigError("--passk.problems", f"{problems} cannot be read ({reason})", "name a problem set") from None
    pairs = zip(table["id"].to_pylist(), table["difficulty"].to_pylist(), strict=True)
    return {problem: str(difficulty) for problem, difficulty in pairs if difficulty is not None}


def require(field: str, name: str, problems: Path) -> None:
    """Raise ConfigError, which begins with the field, unless a problem of the file has the difficulty `name`."""
    known = sorted(set(difficulties(problems).values()))
    if name not in known:
        fix = nearest(name, known) if known else "remove it, since these problems have no difficulty"
        raise ConfigError(field, f"no training problem has the difficulty {name!r}", fix)


def means(problems: Sequence[str], values: np.ndarray, difficulty: Mapping[str, str]) -> dict[str, float]:
    """Return the mean value of the groups of each difficulty.

    problems: ids, [P]. values: one per group, [P]. difficulty: of each problem that has one.
    """
    names = [difficulty.get(problem) for problem in problems]
    return {
        name: float(np.mean([value for value, each in zip(values, names, strict=True) if each == name]))
        for name in sorted({name for name in names if name is not None})
    }
