"""AIME 2024, I and II: 30 problems whose answers are whole numbers from 0 to 999."""

import random
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from passk.problems import hub
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
VERIFIER = "math"


class Aime24Problems(hub.HubSpec):
    """Specification of AIME 2024."""

    judged_by: ClassVar = VERIFIER
    about: ClassVar = "the 30 problems of AIME 2024"

    source: Literal["aime24"]
    split: Literal["test"] = Field("test", description="problems for training or for benchmarks")
    dataset: str = hub.dataset("HuggingFaceH4/aime_2024")
    revision: str = hub.revision("2fe88a2f1091d5048c0f36abc874fb997b3dd99a")

    def patterns(self) -> Sequence[str]:
        return ("data/train-*.parquet",)  # the hub calls its one split train


def generate(spec: Aime24Problems, rng: random.Random) -> list[Problem]:
    """Return all 30 problems. Raise ConfigError if the data set is not available."""
    rows, origin = hub.rows(spec, ("id", "problem", "solution", "answer"))
    items = [
        Item(
            f"aime24-{row['id']}",
            row["problem"],
            whole(row["answer"]),
            demonstration=row["solution"],
            metadata=origin,
        )
        for row in rows
    ]
    return problems(spec, items, rng, verifier=VERIFIER)


def whole(answer: str) -> str:
    """Return an answer without leading zeros, since AIME writes 73 as 073."""
    return answer.strip().lstrip("0") or "0" if answer.strip().isdecimal() else answer
