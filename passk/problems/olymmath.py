"""OlymMATH: olympiad problems in two languages and two grades, 100 each (Sun et al., arXiv 2503.21380)."""

import random
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from passk.problems import hub
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
VERIFIER = "math"


class OlymMathProblems(hub.HubSpec):
    """Specification of OlymMATH."""

    judged_by: ClassVar = VERIFIER
    about: ClassVar = "olympiad problems, 100 easy and 100 hard, in English or Chinese"

    source: Literal["olymmath"]
    split: Literal["test"] = Field("test", description="problems for training or for benchmarks")
    language: Literal["en", "zh"] = Field("en", description="language of the problems")
    grade: Literal["easy", "hard", "both"] = Field("both", description="difficulty of the problems")
    dataset: str = hub.dataset("RUC-AIBOX/OlymMATH")
    revision: str = hub.revision("2c6532ea2cf929ac1c421532af5951553eaee727")

    def grades(self) -> tuple[str, ...]:
        return ("easy", "hard") if self.grade == "both" else (self.grade,)

    def patterns(self) -> Sequence[str]:
        return tuple(f"data/OlymMATH-{self.language.upper()}-{grade.upper()}.jsonl" for grade in self.grades())


def generate(spec: OlymMathProblems, rng: random.Random) -> list[Problem]:
    """Return the problems of the grades, easy first. Raise ConfigError if the data set is not available."""
    rows, origin = hub.rows(spec, ("problem", "answer", "subject", "unique_id"))
    items = [
        Item(
            row["unique_id"],
            row["problem"],
            row["answer"],
            difficulty="hard" if "-HARD-" in row["unique_id"] else "easy",
            metadata=origin | {"subject": row["subject"]},
        )
        for row in rows
    ]
    return problems(spec, items, rng, verifier=VERIFIER)
