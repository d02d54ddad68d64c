"""The goals that were set before the study ran (studies/journal.md), and what came of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reports.data.markdown import table
from reports.sections.answer import interval, p_text
from studies.mazes.study import MAIN, Study
from studies.mazes.tables import Paired, corrected, paired

YES, UNCLEAR, NO, OPEN, NOT_RUN = "yes", "yes, not clear", "**no**", "not shown", "–"


@dataclass(frozen=True)
class Outcome:
    """Of one goal.

    found: None where it was not run. part: the same of a part of the arm's score, a fifth where five times the
    baseline is asked. corrected: p, for the regime's goals; None of one seed.
    """

    regime: str
    goal: "Goal"
    found: Paired | None
    part: Paired | None
    corrected: float | None

    @property
    def verdict(self) -> str:
        """Of one seed there is none.

        `yes, not clear`: a gain as large as was asked, in an interval that holds zero too. `not shown`: not reached,
        and the interval does not rule it out.
        """
        if self.found is None or self.part is None or len(self.found.by_seed) < 2:
            return NOT_RUN
        if self.goal.reached(self.found):
            return UNCLEAR if self.goal.within is not None and self.found.sign <= 0 else YES
        return OPEN if self.goal.within is not None and self.part.estimate.high >= self.goal.within else NO

    @property
    def told(self) -> str:
        """What was found, in a cell."""
        if self.found is None or self.part is None:
            return NOT_RUN
        seeds = len(self.found.by_seed)
        over = f"{interval(self.part.estimate, signed=True)} over {seeds} seed{'s' if seeds > 1 else ''}"
        if self.goal.times == 1:
            return over
        means = f"{self.found.value:.3f} against {self.found.baseline:.3f}, {_ratio(self.found):.1f} times"
        return f"{means}; 1/{self.goal.times} of it less `{MAIN[0]}`: {over}"


def markdown(study: Study) -> str:
    rows = []
    for outcome in outcomes(study):
        goal, found, p = outcome.goal, outcome.found, outcome.corrected
        ps = [NOT_RUN] * 2 if found is None or p is None else [p_text(found.p), p_text(p)]
        rows.append([outcome.regime, f"{goal.split}: {goal.text}", outcome.told, *ps, outcome.verdict])
    lead = (
        "*Yes, not clear*: reached, but the interval of the difference holds zero. *Not shown*: not reached, but\n"
        f"the interval holds it. {NO}: it does not. One seed gets no verdict. p: of no difference, two-sided;\n"
        "p (Holm): corrected for the goals of the regime."
    )
    header = ["regime", "goal", "found", "p", "p (Holm)", "holds"]
    return f"## The goals\n\n{lead}\n\n{table(header, rows, left=3)}"


def outcomes(study: Study) -> Iterator[Outcome]:
    """One a goal, those that were not run too."""
    for regime, goals in GOALS.items():
        ran = regime in study.regimes
        found = [_paired(study, regime, goal, 1) if ran else None for goal in goals]
        each = iter(corrected([one for one in found if one]))
        for goal, one in zip(goals, found, strict=True):
            part = one if goal.times == 1 or one is None else _paired(study, regime, goal, goal.times)
            yield Outcome(regime, goal, one, part, next(each) if one else None)


def _paired(study: Study, regime: str, goal: "Goal", times: int) -> Paired | None:
    return paired(study, regime, MAIN[1], MAIN[0], goal.split, goal.k, share=1 / times)


def _ratio(found: Paired) -> float:
    return found.value / found.baseline if found.baseline else float("inf")


@dataclass(frozen=True)
class Goal:
    """Of `passk_pass1` against `pass1`, or against `times` it. within: the least difference that the goal allows; None:
    no difference is asked for."""

    split: str
    k: int
    text: str
    reached: Callable[[Paired], bool]
    within: float | None = None
    times: int = 1


_TRAP = (
    Goal(
        "hard", 1, "at least five times the pass@1 of `pass1`, clear of zero",
        lambda found: _ratio(found) >= 5 and found.sign > 0, within=0.0, times=5,
    ),
    Goal("easy and hard", 1, "a higher pass@1, clear of zero", lambda found: found.sign > 0, within=0.0),
    Goal(
        "easy and hard", 8, "at least 10 points more pass@8, clear of zero",
        lambda found: found.sign > 0 and found.estimate.value >= 0.1, within=0.1,
    ),
)  # fmt: skip
GOALS = {
    "trap": _TRAP,
    "trap-long": _TRAP,
    "collapse": (
        Goal(
            "easy and hard", 8, "pass@8 at least 5 points higher",
            lambda found: found.estimate.value >= 0.05, within=0.05,
        ),
        Goal("easy and hard", 1, "pass@1 not clearly lower", lambda found: found.sign >= 0),
    ),
    "control": (
        Goal("easy and hard", 1, "no clear gain in pass@1", lambda found: found.sign <= 0),
        Goal("easy and hard", 8, "no clear gain in pass@8", lambda found: found.sign <= 0),
    ),
}  # fmt: skip
