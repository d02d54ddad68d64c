"""Evaluate the base model before anything is trained, and end the run if it misses `require.base`."""

import numpy as np

from passk.evaluation.table import correct_counts
from passk.experiment.plan import Plan
from passk.experiment.planned import PlannedEvaluation
from passk.files import layout
from passk.files.layout import BASE
from passk.statistics.pass_at_k import pass_at_k


def remaining(plan: Plan) -> list[PlannedEvaluation]:
    """Return the evaluations of the base model that come before the training: all of them, if stages remain."""
    if all(planned.finished for planned in plan.stages):
        return []
    return [planned for planned in plan.evaluations if planned.record.checkpoint == BASE and not planned.finished]


def unmet(plan: Plan) -> str | None:
    """Return why the run must end before the training, or None."""
    require = plan.experiment.require
    if require is None or all(planned.finished for planned in plan.stages):
        return None
    evaluation = next(
        planned
        for planned in plan.evaluations
        if (planned.record.checkpoint, planned.record.benchmark) == (BASE, require.base.benchmark)
    )
    if not evaluation.finished:
        return "the base model could not be evaluated, so require.base is not known to hold"
    correct = correct_counts(layout.samples(evaluation.directory))
    for k, (low, high) in require.base.bounds.items():
        value = float(np.mean(pass_at_k(evaluation.benchmark.samples, correct, k)))
        if not low <= value <= high:
            return (
                f"require.base.pass_at_{k}: pass@{k} of the base model on {require.base.benchmark} is {value:.3f}, "
                f"outside of {low:g} to {high:g}; choose {'easier' if value < low else 'harder'} problems or another "
                "model, or change the bounds"
            )
    return None
