"""Goals that were set before the study ran (studies/journal.md), and their outcomes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reports.data.markdown import table
from reports.sections.answer import interval, p_text
from studies.mazes.study import MAIN, Study
from studies.mazes.tables import Paired, corrected, paired

YES, UNCLEAR, NO, OPEN, NOT_RUN = "yes", "yes, not clear", "**no**", "not shown", "–"


@dataclass(frozen=True)
class Outcome:
    """Outcome of one goal."""

    regime: str
    goal: "Goal"
    difference: Paired | None
    """Method minus baseline; None without data."""
    part: Paired | None
    """Method divided by the goal's factor, minus baseline."""
    corrected: float | None
    """p-value, corrected for the goals of the regime; None for one seed."""

    @property
    def verdict(self) -> str:
        """Whether the goal is reached; a dash for one seed.

        `yes, not clear`: the goal is reached, but the interval contains zero. `not shown`: the goal is not reached,
        but the interval contains it.
        """
        if self.difference is None or self.part is None or len(self.difference.by_seed) < 2:
            return NOT_RUN
        if self.goal.reached(self.difference):
            return UNCLEAR if self.goal.within is not None and self.difference.sign <= 0 else YES
        return OPEN if self.goal.within is not None and self.part.estimate.high >= self.goal.within else NO

    @property
    def result(self) -> str:
        """Text of the cell with the difference."""
        if self.difference is None or self.part is None:
            return NOT_RUN
        seeds = len(self.difference.by_seed)
        over = f"{interval(self.part.estimate, signed=True)} over {seeds} seed{'s' if seeds > 1 else ''}"
        if self.goal.times == 1:
            return over
        means = f"{self.difference.value:.3f} against {self.difference.baseline:.3f}"
        parts = f"`{MAIN[1]}` / {self.goal.times} − `{MAIN[0]}`: {over}"
        return f"{means}; {parts}"


def markdown(study: Study) -> str:
    """Return the table of all goals."""
    rows = []
    for outcome in outcomes(study):
        goal, difference, p = outcome.goal, outcome.difference, outcome.corrected
        ps = [NOT_RUN] * 2 if difference is None or p is None else [p_text(difference.p), p_text(p)]
        rows.append([outcome.regime, f"{goal.split}: {goal.text}", outcome.result, *ps, outcome.verdict])
    lead = (
        "*Yes, not clear*: the goal is reached, but the interval of the difference contains zero. *Not shown*: the\n"
        f"goal is not reached, but the interval contains it. {NO}: the interval rules it out. One seed has no\n"
        "verdict. p: two-sided, of no difference. p (Holm): corrected for the goals of the regime."
    )
    header = ["regime", "goal", "result", "p", "p (Holm)", "reached"]
    return f"## The goals\n\n{lead}\n\n{table(header, rows, left=3)}"


def outcomes(study: Study) -> Iterator[Outcome]:
    """Yield the outcome of each goal, also without data."""
    for regime, goals in GOALS.items():
        ran = regime in study.regimes
        pairs = [_paired(study, regime, goal, 1) if ran else None for goal in goals]
        each = iter(corrected([pair for pair in pairs if pair]))
        for goal, pair in zip(goals, pairs, strict=True):
            part = pair if goal.times == 1 or pair is None else _paired(study, regime, goal, goal.times)
            yield Outcome(regime, goal, pair, part, next(each) if pair else None)


def _paired(study: Study, regime: str, goal: "Goal", times: int) -> Paired | None:
    return paired(study, regime, MAIN[1], MAIN[0], goal.split, goal.k, share=1 / times)


def _ratio(pair: Paired) -> float:
    return pair.value / pair.baseline if pair.baseline else float("inf")


@dataclass(frozen=True)
class Goal:
    """A goal for `passk_pass1` minus `pass1`."""

    split: str
    k: int
    text: str
    reached: Callable[[Paired], bool]
    within: float | None = None
    """Smallest difference that reaches the goal; None if the goal is no gain or no loss."""
    times: int = 1
    """Factor of the baseline that the goal requires."""


_TRAP = (
    Goal(
        "hard", 1, "at least five times the pass@1 of `pass1`, interval above zero",
        lambda pair: _ratio(pair) >= 5 and pair.sign > 0, within=0.0, times=5,
    ),
    Goal("easy and hard", 1, "a higher pass@1, interval above zero", lambda pair: pair.sign > 0, within=0.0),
    Goal(
        "easy and hard", 8, "at least 10 points more pass@8, interval above zero",
        lambda pair: pair.sign > 0 and pair.estimate.value >= 0.1, within=0.1,
    ),
)  # fmt: skip
GOALS = {
    "trap": _TRAP,
    "trap-long": _TRAP,
    "collapse": (
        Goal(
            "easy and hard", 8, "pass@8 at least 5 points higher",
            lambda pair: pair.estimate.value >= 0.05, within=0.05,
        ),
        Goal("easy and hard", 1, "pass@1 not clearly lower", lambda pair: pair.sign >= 0),
    ),
    "control": (
        Goal("easy and hard", 1, "no clear gain in pass@1", lambda pair: pair.sign <= 0),
        Goal("easy and hard", 8, "no clear gain in pass@8", lambda pair: pair.sign <= 0),
    ),
}  # fmt: skip
