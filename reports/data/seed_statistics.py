"""Means and differences with their 95 % intervals, of one training run or over several seeds.

rows: one pandas Series for each seed, with scores in [0, 1] by problem. Seeds with the same problems are a crossed
design; seeds with different problems are a nested design (passk/statistics/nested.py).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from passk.statistics.bootstrap import Estimate, mean_interval
from passk.statistics.nested import crossed_p, difference_crossed, difference_nested, mean_nested, nested_p
from passk.statistics.paired import paired_difference, sign_flip_p
from passk.statistics.seeds import mean_over_seeds

DRAWS = 10_000
SEED = 0
LEAST = 0.0005
"""Smallest number that is not printed as 0.000."""


def mean(rows: Sequence[pd.Series]) -> Estimate:
    """Return the mean with its interval."""
    if len(rows) == 1:
        return mean_interval(rows[0].to_numpy(), DRAWS, SEED)
    if same_problems(rows):
        return mean_over_seeds(np.stack(rows), DRAWS, SEED)
    return mean_nested(rows, DRAWS, SEED)


def difference(mine: Sequence[pd.Series], theirs: Sequence[pd.Series]) -> Estimate:
    """Return mine minus theirs, paired by seed (place in the list) and by problem (same order in both)."""
    if len(mine) == 1:
        return paired_difference(mine[0].to_numpy(), theirs[0].to_numpy(), DRAWS, SEED)
    if same_problems(mine):
        return difference_crossed(np.stack(mine), np.stack(theirs), DRAWS, SEED)
    return difference_nested(mine, theirs, DRAWS, SEED)


def p_value(mine: Sequence[pd.Series], theirs: Sequence[pd.Series]) -> float:
    """Return the two-sided p-value of no difference, paired as in `difference`."""
    if len(mine) == 1:
        return sign_flip_p(mine[0].to_numpy(), theirs[0].to_numpy(), DRAWS, SEED)
    if same_problems(mine):
        return crossed_p(np.stack(mine), np.stack(theirs), DRAWS, SEED)
    return nested_p(mine, theirs, DRAWS, SEED)


def sign(estimate: Estimate) -> int:
    """Return +1 or -1 if the printed 95 % interval (three digits) of a difference excludes zero, else 0."""
    return int(estimate.low >= LEAST) - int(estimate.high <= -LEAST)


def same_problems(rows: Sequence[pd.Series]) -> bool:
    """Return whether all seeds have the same problems."""
    return all(row.index.equals(rows[0].index) for row in rows)
