"""Recipe of each method: the estimator, k and steps of its rl stages."""

from reports.data.comparison import Comparison, MethodRuns
from reports.data.designs import Entry
from reports.data.methods import Node


def recipes(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Return (label, recipe, warm start) of each method."""
    return [(each.entry.label, _recipe(each), each.method.warm_start) for each in comparison.trained_methods]


def _recipe(trained: MethodRuns) -> str:
    """Return the recipe, such as `passk_analytical k=4, 600 steps → grpo, 300 steps`."""
    return " → ".join(
        f"{node.advantage}{'' if node.is_pass_at_1 else f' k={node.k.label}'}, {_steps(node, entry)}"
        for node, entry in zip(trained.method.rl, trained.rl, strict=True)
    )


def _steps(node: Node, entry: Entry) -> str:
    """Return the number of steps; for a stage with conditions, where and why it ended in each seed."""
    if not any(node.conditions):
        return f"{node.steps} steps"
    rows = [row for run in entry.runs for row in run.stages[run.stages["name"] == entry.checkpoint].itertuples()]
    if len(rows) == 1 and isinstance(rows[0].ended, str):
        return rows[0].ended
    if not rows:
        return f"at most {node.steps} steps, {node.conditions.shown}"
    steps = sorted({int(row.steps) for row in rows})
    shown = f"{steps[0]} to {steps[-1]}" if len(steps) > 1 else str(steps[0])
    return f"{shown} of at most {node.steps} steps, {node.conditions.shown}"
