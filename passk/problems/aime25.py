"""AIME 2025, I and II: 30 problems without solutions, whose answers are whole numbers from 0 to 999."""

import random
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from passk.problems import hub
from passk.problems.aime24 import whole
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
VERIFIER = "math"


class Aime25Problems(hub.HubSpec):
    """Specification of AIME 2025."""

    judged_by: ClassVar = VERIFIER
    about: ClassVar = "the 30 problems of AIME 2025"

    source: Literal["aime25"]
    split: Literal["test"] = Field("test", description="problems for training or for benchmarks")
    dataset: str = hub.dataset("math-ai/aime25")
    revision: str = hub.revision("563bb8404243c5f09de6ec262f2db674fe5bce9b")

    def patterns(self) -> Sequence[str]:
        return ("test.jsonl",)


def generate(spec: Aime25Problems, rng: random.Random) -> list[Problem]:
    """Return all 30 problems. Raise ConfigError if the data set is not available."""
    rows, origin = hub.rows(spec, ("id", "problem", "answer"))
    items = [Item(f"aime25-{row['id']}", row["problem"], whole(row["answer"]), metadata=origin) for row in rows]
    return problems(spec, items, rng, verifier=VERIFIER)
