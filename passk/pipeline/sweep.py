"""Run the experiments of a sweep one after the other, then compare those of each source that have a report."""

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from passk.base.errors import PasskError, SomeFailed
from passk.experiment import sweep
from passk.experiment.config import Experiment

WAITS, DONE = "waits", "done"
"""Outcomes of an experiment of a sweep before and after its run."""


def run_all(
    sources: Mapping[str, Sequence[Experiment]],
    runs: Path,
    *,
    run: Callable[[Experiment, Path], None],
    compare: Callable[[list[str]], None],
    show: Callable[[Mapping[str, str]], None] = lambda _: None,
) -> None:
    """Run one experiment of each source in turn. A failure does not stop the others.

    sources: source file -> its experiments. run: receives an experiment and its file, and raises PasskError. compare:
    compares experiments by name. show: receives the outcome of each experiment by name after every change.
    Raise SomeFailed at the end, naming all that failed.
    """
    outcomes = {each.name: WAITS for experiments in sources.values() for each in experiments}
    without_report: set[str] = set()
    for turn in zip_longest(*sources.values()):
        for described in filter(None, turn):
            try:
                run(described, sweep.write(described, runs))
                outcomes[described.name] = DONE
            except PasskError as error:
                outcomes[described.name] = str(error)
                # an experiment that raises SomeFailed has a report
                if not isinstance(error, SomeFailed):
                    without_report.add(described.name)
            show(outcomes)
    failed = {name: outcome for name, outcome in outcomes.items() if outcome != DONE}
    for experiments in sources.values():
        names = [each.name for each in experiments if each.name not in without_report]
        if len(names) > 1:
            try:
                compare(names)
            except PasskError as error:
                failed[f"comparison of {', '.join(names)}"] = str(error)
    if failed:
        raise SomeFailed("; ".join(f"{name}: {reason}" for name, reason in failed.items()))
