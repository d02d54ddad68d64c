"""Tables of the study from its two Parquet files: results, differences, single seeds and cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import pandas as pd

from passk.statistics.bootstrap import Estimate
from passk.statistics.paired import holm
from reports.data import seed_statistics
from reports.data.markdown import code, table
from reports.sections.answer import interval
from reports.sections.tables import difference_columns, signed
from studies.mazes.study import AFTER_PASSK, FINAL, MAIN, WARM, Study

KS = (1, 8)
SPLITS = {"easy": ("easy",), "hard": ("hard",), "easy and hard": ("easy", "hard"), "ood": ("ood",)}
"""Name of a split in the tables -> its splits in the data; the goals refer to `easy and hard`."""


@dataclass(frozen=True)
class Paired:
    """Paired difference, method minus baseline, over the seeds with both."""

    value: float
    baseline: float
    estimate: Estimate
    by_seed: dict[int, float]
    p: float

    @property
    def sign(self) -> int:
        """+1 or -1 if the interval excludes zero, else 0."""
        return seed_statistics.sign(self.estimate)


def splits(study: Study, regime: str) -> list[str]:
    """Return the splits of SPLITS with samples of the regime, then its other splits."""
    sampled = set(study.problems.loc[study.problems["regime"] == regime, "split"])
    return [name for name, parts in SPLITS.items() if set(parts) <= sampled] + sorted(sampled - set(SPLITS))


@cache  # tables, claims, goals and figures ask for the same ones
def scores(study: Study, regime: str, method: str, split: str, k: int, checkpoint: str = FINAL) -> dict[int, pd.Series]:
    """Return pass@k of each problem by seed. split: one of `splits`."""
    return study.scores(regime, method, SPLITS.get(split, (split,)), k, checkpoint)


@cache
def paired(
    study: Study,
    regime: str,
    method: str,
    baseline: str,
    split: str,
    k: int,
    checkpoints: tuple[str, str] = (FINAL, FINAL),
    share: float = 1.0,
) -> Paired | None:
    """Return the paired difference; None if no seed has both.

    checkpoints: of the method and of the baseline. share: factor of the method's score, from 0 to 1.
    """
    mine = scores(study, regime, method, split, k, checkpoints[0])
    theirs = scores(study, regime, baseline, split, k, checkpoints[1])
    seeds = [seed for seed in mine if seed in theirs and mine[seed].index.equals(theirs[seed].index)]
    if not seeds:
        return None
    ours, others = [share * mine[seed] for seed in seeds], [theirs[seed] for seed in seeds]
    by_seed = {seed: float(a.mean() - b.mean()) for seed, a, b in zip(seeds, ours, others, strict=True)}
    estimate, p = seed_statistics.difference(ours, others), seed_statistics.p_value(ours, others)
    return Paired(_mean(ours), _mean(others), estimate, by_seed, p)


def _mean(rows: Sequence[pd.Series]) -> float:
    return float(sum(row.mean() for row in rows) / len(rows))


def corrected(differences: Sequence[Paired]) -> list[float | None]:
    """Return the Holm-corrected p-value of each difference.

    None for one seed, which has no variation between seeds; the correction counts only the others.
    """
    ps = iter(holm([one.p for one in differences if len(one.by_seed) > 1]))
    return [float(next(ps)) if len(one.by_seed) > 1 else None for one in differences]


def cells(pair: Paired, corrected: float | None) -> list[str]:
    """Return the cells difference, p and p (Holm).

    The interval of one seed covers variation between problems only, so it is never bold and has no p-value.
    """
    if corrected is None:
        return [interval(pair.estimate, signed=True), "–", "–"]
    return signed(pair.estimate, pair.p, corrected)


def texts(study: Study, goals: str, claims: str, variation: str) -> tuple[str, str]:
    """Return all tables, with one section for each regime, and the part for the page: goals, claims, results, cost.

    variation: section on the variation between runs, for the first of the two.
    """
    main = {regime: _joined(f"## {regime}", _main(study, regime)) for regime in study.regimes}
    cost = _cost(study)
    whole = [goals, claims]
    for regime, results in main.items():
        whole += [results, _differences(study, regime), _by_seed(study, regime)]
    note = (
        "Share of held-out problems solved (unbiased pass@k), with 95 % intervals over seeds and problems. Intervals\n"
        "of one seed cover variation between problems only. Differences are paired by seed and problem. **Bold**: two\n"
        "seeds or more, and the interval excludes zero. p: two-sided, for two seeds or more. p (Holm): corrected for\n"
        "all of a table. `python -m studies.mazes remake` writes this page from problems.parquet and steps.parquet."
    )
    return _joined("# Numbers of the study", note, *whole, variation, cost) + "\n", _joined(
        goals, claims, *main.values(), cost
    )


def checkpoints(study: Study, regime: str) -> list[tuple[str, str, str]]:
    """Return (name, method, checkpoint) before rl, after the Pass@k training and at the end of each method."""
    methods = study.methods(regime)
    stage = [(AFTER_PASSK, MAIN[1], AFTER_PASSK)] if MAIN[1] in methods else []
    ends = [(method, method, FINAL) for method in methods]
    return [("before rl", method, WARM) for method in methods[:1]] + ends[:1] + stage + ends[1:]


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _main(study: Study, regime: str) -> str:
    rows = []
    for split in splits(study, regime):
        for label, method, checkpoint in checkpoints(study, regime):
            label = label if checkpoint == WARM else code(label)
            at_ks = [list(scores(study, regime, method, split, k, checkpoint).values()) for k in KS]
            if all(at_ks):
                means = [interval(seed_statistics.mean(seeds)) for seeds in at_ks]
                rows.append([split, label, str(len(at_ks[0])), *means])
    return table(["problems", "method", "seeds", *(f"pass@{k}" for k in KS)], rows, left=2) if rows else ""


def _differences(study: Study, regime: str) -> str:
    """Return the table of differences; Holm's correction counts all its p-values."""
    places = [
        (method, split) for method in study.methods(regime) if method != MAIN[0] for split in splits(study, regime)
    ]
    by_place = {place: [paired(study, regime, place[0], MAIN[0], place[1], k) for k in KS] for place in places}
    pairs = {place: [pair for pair in at_ks if pair] for place, at_ks in by_place.items() if all(at_ks)}
    ps = iter(corrected([pair for at_ks in pairs.values() for pair in at_ks]))
    rows = []
    for (method, split), at_ks in pairs.items():
        differences = [cell for pair in at_ks for cell in cells(pair, next(ps))]
        rows.append([f"{code(method)} − {code(MAIN[0])}", split, str(len(at_ks[0].by_seed)), *differences])
    return table(["difference", "problems", "seeds", *difference_columns(KS)], rows, left=2) if rows else ""


def _by_seed(study: Study, regime: str) -> str:
    """Return a table with pass@1 / pass@8 of each seed."""
    shown = splits(study, regime)
    by_place = {
        (method, split, k): scores(study, regime, method, split, k)
        for method in study.methods(regime)
        for split in shown
        for k in KS
    }
    seeds = sorted({seed for rows in by_place.values() for seed in rows})
    rows = []
    for seed in seeds:
        for method in study.methods(regime):
            cells = [
                " / ".join(f"{by_place[method, split, k][seed].mean():.3f}" for k in KS)
                if all(seed in by_place[method, split, k] for k in KS)
                else "–"
                for split in shown
            ]
            if any(cell != "–" for cell in cells):
                rows.append([str(seed), code(method), *cells])
    header = ["seed", "method", *shown]
    return f"Each seed, pass@{KS[0]} / pass@{KS[1]}:\n\n{table(header, rows, left=2)}" if rows else ""


def _cost(study: Study) -> str:
    """Return a table of the rl steps and the sum of their time; steps that methods share count once."""
    steps = study.steps.drop_duplicates(["regime", "seed", "step", "estimator", "k", "reward", "seconds"])
    rows = []
    for regime in study.regimes:
        own_steps = steps[steps["regime"] == regime]
        hours, median = own_steps["seconds"].sum() / 3600, own_steps["seconds"].median()
        rows.append([regime, str(own_steps["seed"].nunique()), f"{len(own_steps):,}", f"{hours:.1f}", f"{median:.1f}"])
    header = ["regime", "seeds", "rl steps", "hours of steps", "seconds per step, median"]
    lead = "Time of the rl steps only, without warm starts, evaluation and the start of jobs."
    return f"## Cost\n\n{lead}\n\n{table(header, rows)}"
