"""The demonstrations of a stage's problems, for methods that need them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from passk.base.errors import PasskError
from passk.methods.method import Group
from passk.openrlhf.prompt_label import problem_of


class Demonstrations:
    """Prompt and demonstration of each problem by its id, from a file of problems."""

    def __init__(self, problems: Path) -> None:
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(problems, columns=["id", "prompt", "demonstration"]).to_pylist()
        self._rows = {row["id"]: row for row in rows}

    def added(self, group: Group, label: Any) -> Group:
        """Return the group with the problem and the demonstration of its label. Raise PasskError without one."""
        problem = problem_of(group.prompt, label)
        row = self._rows.get(problem)
        if row is None or not row["demonstration"]:
            raise PasskError(f"method: {problem} has no demonstration in --passk.problems; add it, or drop the method")
        return replace(group, problem=row["prompt"], demonstration=row["demonstration"])
