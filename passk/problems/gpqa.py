"""GPQA Diamond: 198 graduate questions of science with four options (Rein et al., arXiv 2311.12022).

The data set is gated: accept its terms on its page and set HF_TOKEN. The order of the options is drawn for each
question from its own text, so it is the same in every run.
"""

import random
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from passk.problems import hub
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
VERIFIER = "choice"
_OPTIONS = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


class GpqaProblems(hub.HubSpec):
    """Specification of GPQA Diamond."""

    judged_by: ClassVar = VERIFIER
    about: ClassVar = "198 graduate questions of science with four options (gated)"
    matches: ClassVar = "gpqa_diamond.csv"
    templates: ClassVar[Mapping[str, str]] = {
        "boxed": "{problem}\n\nThink step by step, then give the letter of the correct option inside \\boxed{}.",
        "plain": "{problem}",
    }

    source: Literal["gpqa"]
    split: Literal["test"] = Field("test", description="problems for training or for benchmarks")
    dataset: str = hub.dataset("Idavidrein/gpqa")
    revision: str = hub.revision("633f5ee89ab8ad4522a9f850766b73f62147ffdd")


def generate(spec: GpqaProblems, rng: random.Random) -> list[Problem]:
    """Return all questions. Raise ConfigError if the data set is not available."""
    columns = ("Question", *_OPTIONS, "High-level domain", "Subdomain")
    rows, origin = hub.rows(spec, columns, words=("Question", *_OPTIONS))
    items = []
    for number, row in enumerate(rows):
        options = [row[name].strip() for name in _OPTIONS]
        order = random.Random(row["Question"]).sample(range(len(options)), len(options))
        lines = [f"({letter}) {options[place]}" for letter, place in zip("ABCD", order, strict=True)]
        items.append(
            Item(
                f"gpqa-{number}",
                "\n".join([row["Question"].strip(), "", *lines]),
                "ABCD"[order.index(0)],
                metadata=origin | {"domain": row["High-level domain"], "subdomain": row["Subdomain"]},
            )
        )
    return problems(spec, items, rng, verifier=VERIFIER)
