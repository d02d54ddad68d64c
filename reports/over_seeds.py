"""A mean and a difference with their 95 % intervals: of one training run, or over several seeds.

Rows: a pandas Series a seed, scores in [0, 1] by problem. Seeds on the same problems are crossed with them, seeds with
problems of their own are nested (passk/evaluate/nested.py).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from passk.evaluate.compare import paired_difference
from passk.evaluate.intervals import Estimate, mean_interval
from passk.evaluate.nested import difference_crossed, difference_nested, mean_nested
from passk.evaluate.seeds import mean_over_seeds

DRAWS = 10_000
SEED = 0


def mean(rows: Sequence[pd.Series]) -> Estimate:
    if len(rows) == 1:
        return mean_interval(rows[0].to_numpy(), DRAWS, SEED)
    if same_problems(rows):
        return mean_over_seeds(np.stack(rows), DRAWS, SEED)
    return mean_nested(rows, DRAWS, SEED)


def difference(mine: Sequence[pd.Series], theirs: Sequence[pd.Series]) -> Estimate:
    """Mine minus theirs, paired by seed (place in the list) and by problem (same order in both)."""
    if len(mine) == 1:
        return paired_difference(mine[0].to_numpy(), theirs[0].to_numpy(), DRAWS, SEED)
    if same_problems(mine):
        return difference_crossed(np.stack(mine), np.stack(theirs), DRAWS, SEED)
    return difference_nested(mine, theirs, DRAWS, SEED)


def same_problems(rows: Sequence[pd.Series]) -> bool:
    return all(row.index.equals(rows[0].index) for row in rows)
