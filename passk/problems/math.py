"""MATH: competition problems in seven subjects and five levels (Hendrycks et al., arXiv 2103.03874).

7500 to train, and 5000 to test, of which 500 are the source `math500`. The gold answer is the answer of the solution,
read as a response is: boxes side by side are one answer.
"""

import random
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from passk.problems import hub
from passk.problems.record import Problem
from passk.problems.text_problems import Item, gold, problems

VERSION = 2
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
    judged_by: ClassVar = VERIFIER
    about: ClassVar = "competition mathematics, 7500 to train (and 5000 to test; see math500)"

    source: Literal["math"]
    dataset: str = Field("EleutherAI/hendrycks_math", min_length=1, description=hub.DATASET)
    revision: str = Field("21a5633873b6a120296cce3e2df9d5550074f4a3", min_length=1, description=hub.REVISION)

    def patterns(self) -> Sequence[str]:
        return tuple(f"{subject}/{self.split}-*.parquet" for subject in SUBJECTS)


def generate(spec: MathProblems, rng: random.Random) -> list[Problem]:
    """The split's problems, subject after subject. Raises PasskError where they cannot be had."""
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
