"""AIME 2025, I and II: 30 problems, each with a whole number from 0 to 999 for an answer. Without solutions."""

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
    judged_by: ClassVar = VERIFIER
    about: ClassVar = "the 30 problems of AIME 2025"

    source: Literal["aime25"]
    split: Literal["test"] = Field("test", description="problems for training or for benchmarks")
    dataset: str = Field("math-ai/aime25", min_length=1, description=hub.DATASET)
    revision: str = Field("563bb8404243c5f09de6ec262f2db674fe5bce9b", min_length=1, description=hub.REVISION)

    def patterns(self) -> Sequence[str]:
        return ("test.jsonl",)


def generate(spec: Aime25Problems, rng: random.Random) -> list[Problem]:
    """All 30. Raises PasskError where they cannot be had."""
    rows, origin = hub.rows(spec, ("id", "problem", "answer"))
    items = [Item(f"aime25-{row['id']}", row["problem"], whole(row["answer"]), metadata=origin) for row in rows]
    return problems(spec, items, rng, verifier=VERIFIER)
