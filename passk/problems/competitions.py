"""Test sets of competition mathematics: HMMT February 2025, AMC 2023, Minerva's MATH and OlympiadBench.

OlympiadBench is its 674 English problems in text with an answer (He et al., arXiv 2402.14008). Minerva's are 272
undergraduate problems (Lewkowycz et al., arXiv 2206.14858).
"""

import random
from typing import Any, ClassVar, Literal

from pydantic import Field

from passk.base.errors import ConfigError, InvalidError
from passk.problems import hub, tables
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
VERIFIER = "math"


class Answered(hub.HubSpec):
    """A data set with the text of a problem, its answer and more in columns of their own."""

    judged_by: ClassVar = VERIFIER
    columns: ClassVar[tuple[str, str]] = ("problem", "answer")
    """The problem and its answer."""
    labels: ClassVar[tuple[str, ...]] = ()
    """Columns that become metadata."""
    rated: ClassVar[str | None] = None
    """Column of the difficulty."""


class _Competition(Answered):
    split: Literal["test"] = Field("test", description="problems for training or for benchmarks")


class HmmtProblems(_Competition):
    """Specification of HMMT February 2025."""

    about: ClassVar = "30 problems of the Harvard-MIT tournament, February 2025"
    labels: ClassVar = ("problem_type",)
    matches: ClassVar = "**/train-*"

    source: Literal["hmmt"]
    dataset: str = hub.dataset("MathArena/hmmt_feb_2025")
    revision: str = hub.revision("6fdc4277120810ff75aa22d2d5489b91f7a262a1")


class Amc23Problems(_Competition):
    """Specification of AMC 2023."""

    about: ClassVar = "40 problems of AMC 12, 2023"
    columns: ClassVar = ("question", "answer")
    matches: ClassVar = "**/test*"

    source: Literal["amc23"]
    dataset: str = hub.dataset("math-ai/amc23")
    revision: str = hub.revision("80815d37005feb82cd7f8fbc6901d5d3eff43057")


class MinervaProblems(_Competition):
    """Specification of Minerva's undergraduate problems."""

    about: ClassVar = "272 undergraduate problems of science and mathematics"
    columns: ClassVar = ("question", "answer")
    matches: ClassVar = "**/test*"

    source: Literal["minerva"]
    dataset: str = hub.dataset("math-ai/minervamath")
    revision: str = hub.revision("ee46ddc498933b1977577953250ca5c66be64f96")


class OlympiadBenchProblems(_Competition):
    """Specification of OlympiadBench, English mathematics in text."""

    about: ClassVar = "674 problems of olympiads, English and in text"
    columns: ClassVar = ("question", "final_answer")
    matches: ClassVar = "**/test*"

    source: Literal["olympiadbench"]
    dataset: str = hub.dataset("math-ai/olympiadbench")
    revision: str = hub.revision("4faaf1e6ec17d11a4218a9bf4c049ecaf954dd84")


def generate(spec: _Competition, rng: random.Random) -> list[Problem]:
    """Return all problems. Raise ConfigError if the data set is not available."""
    return problems(spec, items(spec), rng, verifier=VERIFIER)


def items(spec: Answered) -> list[Item]:
    """Return an item for each row. Raise ConfigError if the data set is not available or a row has another form."""
    problem, answer = spec.columns
    wanted = (problem, answer, *spec.labels, *filter(None, [spec.rated]))
    rows, origin = hub.rows(spec, wanted, words=(problem,), shaped=(answer, *spec.labels))
    return [
        Item(
            f"{spec.source}-{number}",
            row[problem],
            _joined(row[answer], f"row {number} of {spec.dataset}"),
            difficulty=(spec.rated and row[spec.rated]) or "unrated",
            metadata=origin | {label: row[label] for label in spec.labels if row[label]},
        )
        for number, row in enumerate(rows)
    ]


def _joined(answer: Any, where: str) -> str:
    """Return an answer as text; a list of parts is one answer. Raise ConfigError for another kind."""
    parts = answer if isinstance(answer, list) else [answer]
    try:
        return ", ".join(tables.text(part).strip().strip("$") for part in parts)
    except InvalidError as error:
        raise ConfigError("dataset", f"{where}: the answer {error.problem}", error.fix) from None
