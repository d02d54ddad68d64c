"""HumanEval: 164 Python functions to complete, each with unit tests (Chen et al., arXiv 2107.03374; MIT licence)."""

import json
import random
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from passk.problems import hub
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
VERIFIER = "code"


class HumanEvalProblems(hub.HubSpec):
    """Specification of HumanEval."""

    judged_by: ClassVar = VERIFIER
    about: ClassVar = "164 Python functions to complete (MIT licence)"
    templates: ClassVar[Mapping[str, str]] = {
        "instruct": "Complete this Python function. Write the whole function in one block of code.\n\n"
        "```python\n{problem}\n```",
        "plain": "{problem}",
    }

    source: Literal["humaneval"]
    split: Literal["test"] = Field("test", description="problems for training or for benchmarks")
    template: str = Field(
        "instruct", min_length=1, description="one of the templates below, or your own text with {problem}"
    )
    dataset: str = hub.dataset("openai/openai_humaneval")
    revision: str = hub.revision("7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544")

    def patterns(self) -> Sequence[str]:
        return ("openai_humaneval/test-*.parquet",)


def generate(spec: HumanEvalProblems, rng: random.Random) -> list[Problem]:
    """Return all problems. Raise ConfigError if the data set is not available."""
    columns = ("task_id", "prompt", "canonical_solution", "test", "entry_point")
    rows, origin = hub.rows(spec, columns, words=("prompt", "test", "entry_point"))
    items = [
        Item(
            f"humaneval-{row['task_id'].rpartition('/')[2]}",
            row["prompt"],
            gold(row["prompt"], f"{row['test']}\n\ncheck({row['entry_point']})\n", [row["entry_point"]]),
            demonstration=block(row["prompt"] + row["canonical_solution"]),
            metadata=origin,
        )
        for row in rows
    ]
    return problems(spec, items, rng, verifier=VERIFIER)


def gold(prompt: str, tests: str, functions: Sequence[str]) -> str:
    """Return the gold answer of the verifier `code`."""
    return json.dumps({"prompt": prompt, "tests": tests, "functions": list(functions)})


def block(program: str) -> str:
    """Return a response with a program."""
    return f"```python\n{program.strip()}\n```"
