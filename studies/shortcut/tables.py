"""Tables of the study: the predictions of theory, and the results beside them."""

import pandas as pd

from reports.data.markdown import code, table
from reports.sections.answer import p_text
from studies.shortcut import theory
from studies.shortcut.analysis import Share, empty_runs, outcomes, paired_p, share, verdict
from studies.shortcut.data import METHODS, RUN
from studies.shortcut.design import E_PERCENT, MOVES
from studies.shortcut.theory import START, WEAK

SHARES = [percent / 100 for percent in sorted(E_PERCENT)]
LUCKS = [1 / states for states in MOVES]


def predictions() -> str:
    """Return the predictions of all cells and the turning points."""
    rows = []
    for luck in LUCKS:
        for e in SHARES:
            for method in METHODS:
                at = theory.end(e, luck, method)
                numbers = [f"{value:.3f}" for value in (at.p, at.b, at.incorrect, at.every)]
                rows.append([_luck(luck), f"{e:.2f}", code(method), *numbers, _word(at.leaves)])
    header = ["luck", "e", "method", "p", "b", "pass@1, hint incorrect", "pass@1", "prediction"]
    points = [
        [_luck(luck), code(method), *(_turning(luck, method, start) for start in (START, WEAK))]
        for luck in LUCKS
        for method in METHODS
    ]
    starts = [f"start with skill {start.b(luck=0):.2f}" for start in (START, WEAK)]
    return f"{table(header, rows, left=3)}\n\n{table(['luck', 'method', *starts], points, left=2)}"


def texts(problems: pd.DataFrame) -> tuple[str, str]:
    """Return the text of tables.md and the part for the page."""
    runs = outcomes(problems)
    main = f"### Runs that leave the shortcut\n\n{_main(runs)}"
    note = (
        "A run leaves the shortcut if its pass@1 on problems with an incorrect hint is above 0.5. Intervals are exact\n"
        "95 % intervals of the share (Clopper and Pearson). *warm starts only*: runs that differ only in their warm\n"
        "start. `python -m studies.shortcut remake` writes this page from problems.parquet."
    )
    parts = ["# Numbers of the study", note, main, "### The two methods of a run", _pairs(runs)]
    parts += ["### Every run", _single(runs)]
    empty = empty_runs(problems)
    if len(empty):
        parts += ["### Empty runs", f"{len(empty)} runs have not learned the skill. They count nowhere.", _empty(empty)]
    return "\n\n".join(parts) + "\n", main


def groups(runs: pd.DataFrame) -> list[tuple[float, float, str, pd.DataFrame]]:
    """Return luck, e, method and rows of each cell and method, in the order of the tables."""
    return [
        (luck, e, method, rows)
        for luck in LUCKS
        for e in SHARES
        for method in METHODS
        if len(rows := runs[(runs["luck"] == luck) & (runs["e"] == e) & (runs["method"] == method)])
    ]


def _main(runs: pd.DataFrame) -> str:
    lines = []
    for luck, e, method, rows in groups(runs):
        predicted = _word(theory.end(e, luck, method).leaves)
        lines.append([_luck(luck), f"{e:.2f}", code(method), *_cells(rows), predicted, verdict(rows, e, luck, method)])
        several = rows[rows.groupby("seed")["warm_start"].transform("nunique") > 1]
        if len(several):
            lines.append(["", "", f"{code(method)}, warm starts only", *_cells(several), "", ""])
    header = ["luck", "e", "method", "leave", "share", "pass@1, hint incorrect", "pass@1", "predicted", "as predicted"]
    return table(header, lines, left=3)


def _cells(rows: pd.DataFrame) -> list[str]:
    leaving = share(rows)
    return [
        f"{leaving.leave} of {leaving.runs}",
        _interval(leaving),
        *(_range(rows[c]) for c in ("incorrect", "every")),
    ]


def _range(values: pd.Series) -> str:
    return f"{values.mean():.3f} ({values.min():.3f}–{values.max():.3f})"


def _interval(leaving: Share) -> str:
    low, high = leaving.interval
    return f"{leaving.leave / leaving.runs:.2f} [{low:.2f}, {high:.2f}]"


def _pairs(runs: pd.DataFrame) -> str:
    lines = []
    for luck in LUCKS:
        for e in SHARES:
            rows = runs[(runs["luck"] == luck) & (runs["e"] == e)]
            number, gained, lost, p = paired_p(rows)
            if number:
                lines.append([_luck(luck), f"{e:.2f}", str(number), str(gained), str(lost), p_text(p)])
    passk = code("passk_pass1")
    header = ["luck", "e", "runs", f"only {passk} leaves", f"only {code('pass1')} leaves", "p (McNemar, exact)"]
    return table(header, lines, left=2)


def _single(runs: pd.DataFrame) -> str:
    lines = []
    for luck, e, method, rows in groups(runs):
        for row in rows.sort_values(["seed", "warm_start"]).itertuples():
            numbers = [f"{value:.3f}" for value in (row.correct, row.incorrect, row.every)]
            outcome = "leaves" if row.leaves else "stays"
            lines.append(
                [_luck(luck), f"{e:.2f}", code(method), str(row.seed), code(row.warm_start), *numbers, outcome]
            )
    header = ["luck", "e", "method", "seed", "warm start", "hint correct", "hint incorrect", "pass@1", "outcome"]
    return table(header, lines, left=3)


def _empty(runs: pd.DataFrame) -> str:
    lines = [
        [_luck(row.luck), f"{row.e:.2f}", str(row.seed), code(row.warm_start), f"{row.incorrect:.3f}"]
        for row in runs.sort_values(RUN).itertuples()
    ]
    return table(["luck", "e", "seed", "warm start", "after `skill`, hint incorrect"], lines, left=2)


def _luck(luck: float) -> str:
    return f"1/{round(1 / luck)}"


def _word(leaves: bool) -> str:
    return "leaves" if leaves else "stays"


def _turning(luck: float, method: str, start: theory.State) -> str:
    point = theory.turning_point(luck, method, start=start)
    if point is None:
        return f"{_word(theory.end(0.5, luck, method, start=start).leaves)} at every e"
    return f"{point:.2f}"
