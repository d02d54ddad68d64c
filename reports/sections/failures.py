"""What failed for good, what failed and was tried again, and what was stopped. Markdown."""

from collections import Counter

from reports.data.comparison import Comparison
from reports.data.markdown import code, listed, seconds, table
from reports.data.results import Results
from reports.sections.costs import ended, several

LISTED = 20
"""kinds of failure that are listed; and pauses, a quarter of them"""


def failures(comparison: Comparison) -> str:
    """What failed in the last run of the command, and is not there."""
    rows = [
        [*([code(run.name)] if several(comparison) else []), code(where), code(what)]
        for run in comparison.results
        for where, what in sorted(run.record.failures.items())
    ]
    header = [*(["experiment"] if several(comparison) else []), "where", "what"]
    return table(header, rows, left=len(header)) if rows else ""


def attempts(comparison: Comparison) -> str:
    """A row a kind of failure: how often, after which steps, why, and what has come of it since."""
    rows = []
    for run in comparison.results:
        found = [
            (attempt, number)
            for number, session in enumerate(run.record.sessions, start=1)
            for attempt in session.get("failed", [])
        ]
        for what, reason in dict.fromkeys((attempt["what"], attempt["reason"]) for attempt, _ in found):
            own = [pair for pair in found if (pair[0]["what"], pair[0]["reason"]) == (what, reason)]
            steps = ", ".join(dict.fromkeys(str(attempt["step"]) for attempt, _ in own if attempt["step"] is not None))
            runs = ", ".join(dict.fromkeys(str(number) for _, number in own))
            first = [code(run.name)] if several(comparison) else []
            rows.append([*first, code(what), str(len(own)), runs, steps or "–", _since(run, what), code(reason, 300)])
    header = ["what", "times", "in run", "after step", "since", "why"]
    header = [*(["experiment"] if several(comparison) else []), *header]
    more = f"\n\n{len(rows) - LISTED} more kinds are in the store: `failed_attempts`." if len(rows) > LISTED else ""
    return table(header, rows[:LISTED], left=len(header)) + more if rows else ""


def _since(run: Results, what: str) -> str:
    if what.startswith("train "):
        return "finished" if what.removeprefix("train ") in set(run.stages["name"]) else "not finished"
    if what == "evaluate":
        return "finished" if set(run.record.evaluations) <= set(run.evaluations["key"]) else "not finished"
    return "–"


def interruptions(comparison: Comparison) -> list[str]:
    """What was begun again, in sentences."""
    lines = []
    for run in comparison.results:
        who = f"{code(run.name)}: " if several(comparison) else ""
        count = len(run.record.sessions)
        if count > 1:
            ends = Counter(map(ended, run.record.sessions))
            each = listed([f"{number} {how}" for how, number in sorted(ends.items()) if how != "–"])
            lines.append(
                f"{who}It took {count} runs of the command{f' ({each})' if each else ''}, each going on from what the "
                "one before had finished."
            )
        pauses = list(run.pauses.itertuples(index=False))
        lines += [
            f"{who}{code(row.name)} stood still for {seconds(row.seconds)} s before step {row.step}, then went on."
            for row in pauses[: LISTED // 4]
        ]
        if len(pauses) > LISTED // 4:
            lines.append(f"{who}{len(pauses) - LISTED // 4} more such pauses.")
    return lines
