"""MATH-500: the 500 problems of MATH's test split that Lightman et al. evaluated on (arXiv 2305.20050)."""

import random
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from passk.problems import hub
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
VERIFIER = "math"


class Math500Problems(hub.HubSpec):
    """Specification of MATH-500."""

    judged_by: ClassVar = VERIFIER
    about: ClassVar = "500 problems of MATH's test split"

    source: Literal["math500"]
    split: Literal["test"] = Field("test", description="problems for training or for benchmarks")
    dataset: str = hub.dataset("HuggingFaceH4/MATH-500")
    revision: str = hub.revision("6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be")

    def patterns(self) -> Sequence[str]:
        return ("test.jsonl",)


def generate(spec: Math500Problems, rng: random.Random) -> list[Problem]:
    """Return all 500 problems. Raise ConfigError if the data set is not available."""
    rows, origin = hub.rows(spec, ("problem", "solution", "answer", "subject", "level", "unique_id"))
    items = [
        Item(
            f"math500-{row['unique_id'].removeprefix('test/').removesuffix('.json')}",
            row["problem"],
            row["answer"],
            difficulty=f"level {row['level']}",
            demonstration=row["solution"],
            metadata=origin | {"subject": row["subject"]},
        )
        for row in rows
    ]
    return problems(spec, items, rng, verifier=VERIFIER)
