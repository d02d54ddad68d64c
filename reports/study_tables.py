"""The study's tables, from its two Parquet files: the main one, differences, each seed, and the goals that were set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from passk.evaluate.compare import holm
from passk.evaluate.intervals import Estimate
from reports import over_seeds
from reports.answer import interval
from reports.study import FINAL, MAIN, WARM, Study
from reports.tables import difference_columns, signed
from reports.text import code, table

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
        return over_seeds.sign(self.estimate)


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
) -> Paired | None:
    """checkpoints: of the arm, and of the baseline."""
    mine = scores(study, regime, arm, split, k, checkpoints[0])
    theirs = scores(study, regime, baseline, split, k, checkpoints[1])
    seeds = [seed for seed in mine if seed in theirs and mine[seed].index.equals(theirs[seed].index)]
    if not seeds:
        return None
    ours, others = [mine[seed] for seed in seeds], [theirs[seed] for seed in seeds]
    by_seed = {seed: float(a.mean() - b.mean()) for seed, a, b in zip(seeds, ours, others, strict=True)}
    estimate, p = over_seeds.difference(ours, others), over_seeds.p_value(ours, others)
    return Paired(_mean(ours), _mean(others), estimate, by_seed, p)


def _mean(rows: Sequence[pd.Series]) -> float:
    return float(sum(row.mean() for row in rows) / len(rows))


def texts(study: Study, claims: str) -> tuple[str, str]:
    """All tables, a section a regime; and of them the goals, the claims and the main tables, for a page with words."""
    goals, main = _goals(study), {regime: _joined(f"## {regime}", _main(study, regime)) for regime in study.regimes}
    cost = _cost(study)
    whole = [goals, claims]
    for regime, own in main.items():
        whole += [own, _differences(study, regime), _by_seed(study, regime)]
    note = (
        "Share of held-out mazes solved (unbiased pass@k), with 95 % intervals over seeds and problems. Differences\n"
        "are paired by seed and problem; **bold**: the interval is clear of zero. p: two-sided. p (Holm): corrected\n"
        "for all differences of the same table. `python -m reports.study remake` makes this from\n"
        "problems.parquet and steps.parquet alone."
    )
    return _joined("# The study's numbers", note, *whole, cost) + "\n", _joined(goals, claims, *main.values(), cost)


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _main(study: Study, regime: str) -> str:
    """A row a split and checkpoint: the warm start, then the ends of the arms."""
    baseline = study.arms(regime)[:1]
    before = [(arm, WARM, "before rl") for arm in baseline]
    ends = [(arm, FINAL, code(arm)) for arm in study.arms(regime)]
    rows = []
    for split in splits(study, regime):
        for arm, checkpoint, label in (*before, *ends):
            found = [list(scores(study, regime, arm, split, k, checkpoint).values()) for k in KS]
            if all(found):
                rows.append([split, label, str(len(found[0])), *(interval(over_seeds.mean(own)) for own in found)])
    return table(["mazes", "arm", "seeds", *(f"pass@{k}" for k in KS)], rows, left=2) if rows else ""


def _differences(study: Study, regime: str) -> str:
    """Holm's correction goes over all p-values of the table."""
    places = [(arm, split) for arm in study.arms(regime) if arm != MAIN[0] for split in splits(study, regime)]
    tried = {place: [paired(study, regime, place[0], MAIN[0], place[1], k) for k in KS] for place in places}
    found = {place: [one for one in own if one] for place, own in tried.items() if all(own)}
    corrected = iter(holm([one.p for own in found.values() for one in own]))
    rows = []
    for (arm, split), own in found.items():
        cells = [cell for one in own for cell in signed(one.estimate, one.p, float(next(corrected)))]
        rows.append([f"{code(arm)} − {code(MAIN[0])}", split, str(len(own[0].by_seed)), *cells])
    return table(["difference", "mazes", "seeds", *difference_columns(KS)], rows, left=2) if rows else ""


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
    """Of all rl steps, those that arms share once: how many, and their wall time."""
    steps = study.steps.drop_duplicates(["regime", "seed", "step", "rule", "k", "reward", "seconds"])
    rows = []
    for regime in study.regimes:
        own = steps[steps["regime"] == regime]
        hours, median = own["seconds"].sum() / 3600, own["seconds"].median()
        rows.append([regime, str(own["seed"].nunique()), f"{len(own):,}", f"{hours:.1f}", f"{median:.1f}"])
    header = ["regime", "seeds", "rl steps", "hours of their wall time", "seconds a step, median"]
    return "## What it took\n\n" + table(header, rows)


def _goals(study: Study) -> str:
    """What was said before the study ran (docs/journal.md), and whether it holds."""
    rows = [
        [regime, goal, "–" if told is None else told, "–" if holds is None else "yes" if holds else "**no**"]
        for regime, goal, told, holds in goals(study)
    ]
    return "## The goals\n\n" + table(["regime", "goal", "found", "holds"], rows, left=4) if rows else ""


def goals(study: Study) -> list[tuple[str, str, str | None, bool | None]]:
    """(regime, goal, what was found, whether it holds; None: not run)."""
    found: list[tuple[str, str, str | None, bool | None]] = []
    for regime, goal in ((regime, goal) for regime, own in _GOALS.items() for goal in own):
        one = paired(study, regime, MAIN[1], MAIN[0], goal.split, goal.k) if regime in study.regimes else None
        outcome = (None, None) if one is None else (goal.told(one), goal.reached(one))
        found.append((regime, f"{goal.split}: {goal.text}", *outcome))
    return found


def _difference(found: Paired) -> str:
    seeds = len(found.by_seed)
    return f"{interval(found.estimate, signed=True)} over {seeds} seed{'s' if seeds > 1 else ''}"


def _times(found: Paired) -> str:
    return f"{found.value:.3f} against {found.baseline:.3f}, {_ratio(found):.1f} times"


def _ratio(found: Paired) -> float:
    return found.value / found.baseline if found.baseline else float("inf")


@dataclass(frozen=True)
class _Goal:
    """Of `passk_pass1` against `pass1`."""

    split: str
    k: int
    text: str
    reached: Callable[[Paired], bool]
    told: Callable[[Paired], str] = _difference


_TRAP = (
    _Goal(
        "hard", 1, "at least five times the pass@1 of `pass1`, clear of zero",
        lambda found: _ratio(found) >= 5 and found.sign > 0, _times,
    ),
    _Goal("easy and hard", 1, "a higher pass@1, clear of zero", lambda found: found.sign > 0),
    _Goal(
        "easy and hard", 8, "at least 10 points more pass@8, clear of zero",
        lambda found: found.sign > 0 and found.estimate.value >= 0.1,
    ),
)  # fmt: skip
_GOALS = {
    "trap": _TRAP,
    "trap-long": _TRAP,
    "collapse": (
        _Goal("easy and hard", 8, "pass@8 at least 5 points higher", lambda found: found.estimate.value >= 0.05),
        _Goal("easy and hard", 1, "pass@1 not clearly lower", lambda found: found.sign >= 0),
    ),
    "control": (
        _Goal("easy and hard", 1, "no clear gain in pass@1", lambda found: found.sign <= 0),
        _Goal("easy and hard", 8, "no clear gain in pass@8", lambda found: found.sign <= 0),
    ),
}
