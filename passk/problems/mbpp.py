"""MBPP: Python programs for beginners, each with three asserts (Austin et al., arXiv 2108.07732; CC-BY-4.0 licence)."""

import ast
import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from passk.problems import hub
from passk.problems.humaneval import block, gold
from passk.problems.record import Problem
from passk.problems.text_problems import Item, problems

VERSION = 1
VERIFIER = "code"
# Columns of each subset: the task, lines before the tests.
_COLUMNS = {"full": ("text", "test_setup_code"), "sanitized": ("prompt", "test_imports")}


class MbppProblems(hub.HubSpec):
    """Specification of MBPP."""

    judged_by: ClassVar = VERIFIER
    about: ClassVar = "Python programs with three asserts, 374 train and 500 test (CC-BY-4.0 licence)"
    templates: ClassVar[Mapping[str, str]] = {
        "instruct": "Write a Python program for this task, in one block of code.\n\n{problem}",
        "plain": "{problem}\n",
    }

    source: Literal["mbpp"]
    template: str = Field(
        "instruct", min_length=1, description="one of the templates below, or your own text with {problem}"
    )
    subset: Literal["full", "sanitized"] = Field(
        "full", description="full, or sanitized: 120 train and 257 test problems that its authors checked by hand"
    )
    dataset: str = hub.dataset("google-research-datasets/mbpp")
    revision: str = hub.revision("4bb6404fdc6cacfda99d4ac4205087b89d32030c")

    def patterns(self) -> Sequence[str]:
        return (f"{self.subset}/{self.split}-*.parquet",)


def generate(spec: MbppProblems, rng: random.Random) -> list[Problem]:
    """Return the split's problems. Raise ConfigError if the data set is not available."""
    task, before = _COLUMNS[spec.subset]
    columns = ("task_id", task, "code", "test_list", before)
    rows, origin = hub.rows(spec, columns, words=(task, "code"), shaped=("test_list", before))
    items = []
    for row in rows:
        tests = [str(line) for line in row["test_list"] or ()]
        setup = row[before] or ""
        lines = [setup] if isinstance(setup, str) else [str(line) for line in setup]
        items.append(
            Item(
                f"mbpp-{row['task_id']}",
                "\n".join([row[task].strip(), "", "Your program must pass these tests:", "", *tests]),
                gold("", "\n".join([*lines, *tests]), _defined(row["code"])),
                demonstration=block(row["code"].replace("\r\n", "\n")),
                metadata=origin,
            )
        )
    return problems(spec, items, rng, verifier=VERIFIER)


def _defined(code: str) -> list[str]:
    """Return the functions and classes of a reference program, which tests may use, without running it."""
    try:
        body: list[Any] = ast.parse(code.replace("\r\n", "\n")).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []  # the verifier refuses a gold answer without functions
    return [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
