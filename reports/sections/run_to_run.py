"""Sentences on what one training run of a method does not show."""

from collections.abc import Callable

from reports.data.comparison import Comparison
from reports.data.markdown import listed
from reports.data.run_to_run import measured


def about_runs(comparison: Comparison, name: Callable[[str], str] = str) -> list[str]:
    """Return the sentences on methods with one training run; empty without such a method.

    name: formats the names of stages, as in the answer.
    """
    methods = [trained.entry for trained in comparison.trained_methods if trained.entry in comparison.sampled]
    single = [entry for entry in methods if len({id(run) for g in comparison.groups for run in entry.sampled(g)}) == 1]
    if not single:
        return []
    several = len(single) < len(methods)
    who = listed([name(entry.label) for entry in single]) if several else "Each method"
    have = "have one training run each" if several and len(single) > 1 else "has one training run"
    return [
        f"{who} {have}, so the numbers describe these checkpoints and not the methods.",
        "The intervals cover the problems and samples of these checkpoints only. "
        "Reruns with another seed differ by more.",
        *_measured(comparison),
    ]


def _measured(comparison: Comparison) -> list[str]:
    """Return a sentence with the measured run-to-run standard deviation; empty without a measurement of this kind."""
    measurement = measured(comparison)
    ks = comparison.ends(comparison.groups[0]) if comparison.groups else []
    shared = [k for k in ks if measurement and k in measurement.checkpoint]
    if not measurement or not shared:
        return []
    of_checkpoint, of_difference = (
        listed([f"{sd[k]:.3f} at pass@{k}" for k in shared]) for sd in (measurement.checkpoint, measurement.difference)
    )
    return [
        f"Run-to-run standard deviation over {measurement.seeds} seeds of {measurement.of} ({measurement.page}): "
        f"{of_checkpoint} for a checkpoint, {of_difference} for a difference between two methods."
    ]
