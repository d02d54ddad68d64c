"""MATH: competition problems in seven subjects and five levels (Hendrycks et al., arXiv 2103.03874).

It has 7500 train and 5000 test problems; 500 of the latter are the source `math500`. The gold answer is the last
box of the solution. Boxes side by side are one answer.
"""

import random
from collections.abc import Sequence
from typing import ClassVar, Literal

from passk.problems import hub
from passk.problems.record import Problem
from passk.problems.text_problems import Item, gold, problems

VERSION = 3
VERIFIER = "math"
SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)


class MathProblems(hub.HubSpec):
    """Specification of MATH."""

    judged_by: ClassVar = VERIFIER
    about: ClassVar = "competition mathematics, 7500 train (and 5000 test; see math500)"

    source: Literal["math"]
    dataset: str = hub.dataset("EleutherAI/hendrycks_math")
    revision: str = hub.revision("21a5633873b6a120296cce3e2df9d5550074f4a3")

    def patterns(self) -> Sequence[str]:
        return tuple(f"{subject}/{self.split}-*.parquet" for subject in SUBJECTS)


def generate(spec: MathProblems, rng: random.Random) -> list[Problem]:
    """Return the split's problems, subject after subject. Raise ConfigError if the data set is not available."""
    rows, origin = hub.rows(spec, ("problem", "level", "type", "solution"))
    items = [
        Item(
            f"math-{spec.split}-{number}",
            row["problem"],
            gold(row["solution"]),
            difficulty=row["level"].lower(),
            demonstration=row["solution"],
            metadata=origin | {"subject": row["type"]},
        )
        for number, row in enumerate(rows)
    ]
    return problems(spec, items, rng, verifier=VERIFIER)
