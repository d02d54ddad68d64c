"""The study's tables, from its two Parquet files: the main one, differences, each seed, and the goals that were set."""

from collections.abc import Sequence
from dataclasses import dataclass

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
"""`easy and hard` is what the goals call all mazes together"""


@dataclass(frozen=True)
class Paired:
    """Arm minus baseline, over the seeds that have both."""

    value: float
    baseline: float
    estimate: Estimate
    by_seed: dict[int, float]
    p: float

    @property
    def sign(self) -> int:
        """+1 or -1 where the interval is clear of zero."""
        return seed_statistics.sign(self.estimate)


def splits(study: Study, regime: str) -> list[str]:
    """Those of SPLITS that the regime was sampled on, and any of its own."""
    own = set(study.problems.loc[study.problems["regime"] == regime, "split"])
    return [name for name, parts in SPLITS.items() if set(parts) <= own] + sorted(own - set(SPLITS))


def scores(study: Study, regime: str, arm: str, split: str, k: int, checkpoint: str = FINAL) -> dict[int, pd.Series]:
    """pass@k of each problem, by seed; split: one of `splits`."""
    return study.scores(regime, arm, SPLITS.get(split, (split,)), k, checkpoint)


def paired(
    study: Study,
    regime: str,
    arm: str,
    baseline: str,
    split: str,
    k: int,
    checkpoints: tuple[str, str] = (FINAL, FINAL),
    share: float = 1.0,
) -> Paired | None:
    """checkpoints: of the arm, and of the baseline. share: how much of the arm's score counts, from 0 to 1."""
    mine = scores(study, regime, arm, split, k, checkpoints[0])
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
    """p of each, by Holm for all that are over two seeds or more. Of one seed there is none: what another would be
    like is not in it."""
    told = iter(holm([one.p for one in differences if len(one.by_seed) > 1]))
    return [float(next(told)) if len(one.by_seed) > 1 else None for one in differences]


def cells(found: Paired, corrected: float | None) -> list[str]:
    """Difference, p, p (Holm). Of one seed the interval is over problems alone: never bold, and without a p."""
    if corrected is None:
        return [interval(found.estimate, signed=True), "–", "–"]
    return signed(found.estimate, found.p, corrected)


def texts(study: Study, goals: str, claims: str) -> tuple[str, str]:
    """All tables, a section a regime; and of them the goals, the claims and the main tables, for a page with words."""
    main = {regime: _joined(f"## {regime}", _main(study, regime)) for regime in study.regimes}
    cost = _cost(study)
    whole = [goals, claims]
    for regime, own in main.items():
        whole += [own, _differences(study, regime), _by_seed(study, regime)]
    note = (
        "Share of held-out problems solved (unbiased pass@k), with 95 % intervals over seeds and problems, of one\n"
        "seed over problems alone. Differences are paired by seed and problem; **bold**: over two seeds or more, and\n"
        "the interval is clear of zero. p: two-sided, of two seeds or more; p (Holm): corrected for all of a table.\n"
        "`python -m studies.mazes.study remake` makes this from problems.parquet and steps.parquet alone."
    )
    return _joined("# The study's numbers", note, *whole, cost) + "\n", _joined(goals, claims, *main.values(), cost)


def checkpoints(study: Study, regime: str) -> list[tuple[str, str, str]]:
    """(name, arm, checkpoint): before rl, the end of the Pass@k training, the ends of the arms."""
    arms = study.arms(regime)
    stage = [(AFTER_PASSK, MAIN[1], AFTER_PASSK)] if MAIN[1] in arms else []
    ends = [(arm, arm, FINAL) for arm in arms]
    return [("before rl", arm, WARM) for arm in arms[:1]] + ends[:1] + stage + ends[1:]


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _main(study: Study, regime: str) -> str:
    rows = []
    for split in splits(study, regime):
        for label, arm, checkpoint in checkpoints(study, regime):
            label = label if checkpoint == WARM else code(label)
            found = [list(scores(study, regime, arm, split, k, checkpoint).values()) for k in KS]
            if all(found):
                rows.append([split, label, str(len(found[0])), *(interval(seed_statistics.mean(own)) for own in found)])
    return table(["problems", "arm", "seeds", *(f"pass@{k}" for k in KS)], rows, left=2) if rows else ""


def _differences(study: Study, regime: str) -> str:
    """Holm's correction goes over all p-values of the table."""
    places = [(arm, split) for arm in study.arms(regime) if arm != MAIN[0] for split in splits(study, regime)]
    tried = {place: [paired(study, regime, place[0], MAIN[0], place[1], k) for k in KS] for place in places}
    found = {place: [one for one in own if one] for place, own in tried.items() if all(own)}
    told = iter(corrected([one for own in found.values() for one in own]))
    rows = []
    for (arm, split), own in found.items():
        differences = [cell for one in own for cell in cells(one, next(told))]
        rows.append([f"{code(arm)} − {code(MAIN[0])}", split, str(len(own[0].by_seed)), *differences])
    return table(["difference", "problems", "seeds", *difference_columns(KS)], rows, left=2) if rows else ""


def _by_seed(study: Study, regime: str) -> str:
    """pass@1 / pass@8 of every seed."""
    shown = splits(study, regime)
    found = {
        (arm, split, k): scores(study, regime, arm, split, k)
        for arm in study.arms(regime)
        for split in shown
        for k in KS
    }
    seeds = sorted({seed for rows in found.values() for seed in rows})
    rows = []
    for seed in seeds:
        for arm in study.arms(regime):
            cells = [
                " / ".join(f"{found[arm, split, k][seed].mean():.3f}" for k in KS)
                if all(seed in found[arm, split, k] for k in KS)
                else "–"
                for split in shown
            ]
            if any(cell != "–" for cell in cells):
                rows.append([str(seed), code(arm), *cells])
    header = ["seed", "arm", *shown]
    return f"Each seed, pass@{KS[0]} / pass@{KS[1]}:\n\n{table(header, rows, left=2)}" if rows else ""


def _cost(study: Study) -> str:
    """Of all rl steps, those that arms share once: how many, and their own time, as if one after the other."""
    steps = study.steps.drop_duplicates(["regime", "seed", "step", "rule", "k", "reward", "seconds"])
    rows = []
    for regime in study.regimes:
        own = steps[steps["regime"] == regime]
        hours, median = own["seconds"].sum() / 3600, own["seconds"].median()
        rows.append([regime, str(own["seed"].nunique()), f"{len(own):,}", f"{hours:.1f}", f"{median:.1f}"])
    header = ["regime", "seeds", "rl steps", "hours of steps", "seconds a step, median"]
    lead = "Of the rl steps alone: warm starts, evaluation and the start of jobs are not among them."
    return f"## What it took\n\n{lead}\n\n{table(header, rows)}"
