"""Main difference over all regimes together, between the regimes, and of collapse on its own training mix."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from scipy import stats

from passk.statistics.bootstrap import Estimate
from reports.data.markdown import table
from reports.sections.answer import interval
from studies.mazes.study import MAIN, Study
from studies.mazes.tables import KS, paired

REGIMES = ("trap", "collapse", "control")
"""Regimes with the same task, steps and learning rate."""
BOTH = {"easy": 0.5, "hard": 0.5}
COLLAPSE_MIX = {"easy": 0.25, "hard": 0.75}
"""Shares of the mazes that collapse trains on: `easy_fraction` of experiments/study-collapse.yaml."""


def markdown(study: Study) -> str:
    """Return the section with the pooled differences; empty if no row has two seeds."""
    rows = [
        [what, seeds, *(interval(estimate, signed=True) for estimate in at_ks)]
        for what, seeds, at_ks in _rows(study)
        if all(at_ks)
    ]
    if not rows:
        return ""
    lead = (
        f"`{MAIN[1]}` − `{MAIN[0]}`, Student's t. Pairs of one seed share their test mazes and are not independent,\n"
        "so the row of the seeds counts. The regimes differ if the interval of the third row excludes zero."
    )
    header = ["difference", "n", *(f"pass@{k}" for k in KS)]
    return f"## All regimes together\n\n{lead}\n\n{table(header, rows)}"


def _rows(study: Study) -> list[tuple[str, str, list[Estimate | None]]]:
    """Return (what, number of pairs or seeds, estimate at each of KS)."""
    at_ks = {k: {regime: differences(study, regime, k, BOTH) for regime in REGIMES} for k in KS}
    pairs = {k: list(chain(*(of.values() for of in by_regime.values()))) for k, by_regime in at_ks.items()}
    trap, control = (len(at_ks[KS[0]][regime]) for regime in ("trap", "control"))
    mixed = {k: list(differences(study, "collapse", k, COLLAPSE_MIX).values()) for k in KS}
    seeds = {k: by_seed(list(by_regime.values())) for k, by_regime in at_ks.items()}
    return [
        ("all pairs", f"{len(pairs[KS[0]])} pairs", [mean(pairs[k]) for k in KS]),
        ("means of the seeds", f"{len(seeds[KS[0]])} seeds", [mean(seeds[k]) for k in KS]),
        (
            "trap minus control",
            f"{trap} and {control} seeds",
            [between(list(at_ks[k]["trap"].values()), list(at_ks[k]["control"].values())) for k in KS],
        ),
        ("collapse, 25 % easy as in its training", f"{len(mixed[KS[0]])} seeds", [mean(mixed[k]) for k in KS]),
    ]


def differences(study: Study, regime: str, k: int, mix: dict[str, float]) -> dict[int, float]:
    """Return the difference of each seed with both methods, as the weighted mean over splits."""
    of_split = {split: paired(study, regime, MAIN[1], MAIN[0], split, k) for split in mix}
    by_split = {split: pair.by_seed for split, pair in of_split.items() if pair}
    if set(by_split) != set(mix):
        return {}
    shared = set.intersection(*(set(seeds) for seeds in by_split.values()))
    return {seed: sum(mix[split] * by_split[split][seed] for split in mix) for seed in sorted(shared)}


def by_seed(regimes: Sequence[dict[int, float]]) -> list[float]:
    """Return the mean difference of each seed over the regimes that have it."""
    seeds = sorted(set(chain(*regimes)))
    return [float(np.mean([regime[seed] for regime in regimes if seed in regime])) for seed in seeds]


def mean(values: Sequence[float]) -> Estimate | None:
    """Return the mean with its t interval; None for fewer than two values."""
    if len(values) < 2:
        return None
    ends = stats.ttest_1samp(values, 0.0).confidence_interval()
    return Estimate(float(np.mean(values)), float(ends.low), float(ends.high))


def between(first: Sequence[float], second: Sequence[float]) -> Estimate | None:
    """Return the difference of two means with Welch's interval; None for fewer than two values of either."""
    if min(len(first), len(second)) < 2:
        return None
    ends = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    return Estimate(float(np.mean(first) - np.mean(second)), float(ends.low), float(ends.high))
