"""Failures, retried attempts and interruptions of an experiment, as markdown."""

from collections import Counter

from reports.data.comparison import Comparison
from reports.data.markdown import code, listed, seconds, table
from reports.data.results import Results
from reports.sections.costs import ended, several

LISTED = 20
"""Number of failure kinds in the table; a quarter of it is the number of listed pauses."""


def failures(comparison: Comparison) -> str:
    """Return a table of the failures of the last run of the command."""
    rows = [
        [*([code(run.name)] if several(comparison) else []), code(where), code(what)]
        for run in comparison.results
        for where, what in sorted(run.record.failures.items())
    ]
    header = [*(["experiment"] if several(comparison) else []), "where", "what"]
    return table(header, rows, left=len(header)) if rows else ""


def attempts(comparison: Comparison) -> str:
    """Return a table with one row for each kind of failure: its count, runs, steps, present state and reason."""
    rows = []
    for run in comparison.results:
        failed = [
            (attempt, number)
            for number, session in enumerate(run.record.sessions, start=1)
            for attempt in session.get("failed", [])
        ]
        for what, reason in dict.fromkeys((attempt["what"], attempt["reason"]) for attempt, _ in failed):
            same = [pair for pair in failed if (pair[0]["what"], pair[0]["reason"]) == (what, reason)]
            steps = ", ".join(dict.fromkeys(str(attempt["step"]) for attempt, _ in same if attempt["step"] is not None))
            runs = ", ".join(dict.fromkeys(str(number) for _, number in same))
            first = [code(run.name)] if several(comparison) else []
            rows.append([*first, code(what), str(len(same)), runs, steps or "–", _state(run, what), code(reason, 300)])
    header = ["what", "times", "in run", "after step", "now", "reason"]
    header = [*(["experiment"] if several(comparison) else []), *header]
    more = (
        f"\n\n{len(rows) - LISTED} more kinds are in the table `failed_attempts` of the store."
        if len(rows) > LISTED
        else ""
    )
    return table(header, rows[:LISTED], left=len(header)) + more if rows else ""


def _state(run: Results, what: str) -> str:
    if what.startswith("train "):
        return "finished" if what.removeprefix("train ") in set(run.stages["name"]) else "not finished"
    if what == "evaluate":
        return "finished" if set(run.record.evaluations) <= set(run.evaluations["key"]) else "not finished"
    return "–"


def interruptions(comparison: Comparison) -> list[str]:
    """Return sentences about repeated runs of the command and about pauses of a training."""
    lines = []
    for run in comparison.results:
        prefix = f"{code(run.name)}: " if several(comparison) else ""
        count = len(run.record.sessions)
        if count > 1:
            ends = Counter(map(ended, run.record.sessions))
            each = listed([f"{number} {how}" for how, number in sorted(ends.items()) if how != "–"])
            lines.append(
                f"{prefix}The experiment took {count} runs of the command{f' ({each})' if each else ''}; each run "
                "reused the finished work of the earlier ones."
            )
        pauses = list(run.pauses.itertuples(index=False))
        lines += [
            f"{prefix}{code(row.name)} paused for {seconds(row.seconds)} s before step {row.step}."
            for row in pauses[: LISTED // 4]
        ]
        if len(pauses) > LISTED // 4:
            lines.append(f"{prefix}{len(pauses) - LISTED // 4} more such pauses.")
    return lines
