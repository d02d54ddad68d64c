"""Variation between training runs: standard deviations over the seeds of the trap, the regime with most seeds."""

import numpy as np

from reports.data.markdown import table
from reports.data.run_to_run import MEASURED, RunToRun
from studies.mazes.study import MAIN, Study
from studies.mazes.tables import KS, paired, scores

REGIME, SPLIT = "trap", "easy and hard"


def measured(study: Study) -> RunToRun | None:
    """Return the standard deviations of MEASURED, rounded to three digits; None with fewer than two seeds."""
    by_seed = {k: [scores(study, REGIME, method, SPLIT, k) for method in MAIN] for k in KS}
    pairs = {k: paired(study, REGIME, MAIN[1], MAIN[0], SPLIT, k) for k in KS}
    seeds = min(len(pair.by_seed) if pair else 0 for pair in pairs.values())
    if seeds < 2:
        return None
    checkpoint = {
        k: [np.var([row.mean() for row in rows.values()], ddof=1) for rows in methods] for k, methods in by_seed.items()
    }
    differences = {k: np.std(list(pair.by_seed.values()), ddof=1) for k, pair in pairs.items() if pair}
    return RunToRun(
        MEASURED["maze"].of, seeds, {k: _rounded(np.sqrt(np.mean(each))) for k, each in checkpoint.items()},
        {k: _rounded(each) for k, each in differences.items()}, MEASURED["maze"].page,
        MEASURED["maze"].width,
    )  # fmt: skip


def markdown(study: Study) -> str:
    """Return the section with the standard deviations; empty with fewer than two seeds."""
    measurement = measured(study)
    if measurement is None:
        return ""
    rows = [
        ["a method's last checkpoint, both methods pooled", *(f"{measurement.checkpoint[k]:.3f}" for k in KS)],
        ["`passk_pass1` − `pass1`, same seed", *(f"{measurement.difference[k]:.3f}" for k in KS)],
    ]
    lead = (
        f"Standard deviation over the {measurement.seeds} seeds of the {REGIME}, {SPLIT} mazes. "
        "Each seed has its own warm\nstart and test mazes. A report of one training run prints these numbers."
    )
    return f"## Run-to-run variation\n\n{lead}\n\n{table(['of', *(f'pass@{k}' for k in KS)], rows)}"


def _rounded(value: float) -> float:
    return round(float(value), 3)
