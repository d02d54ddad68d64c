"""Claims of the paper (arXiv 2508.10751) as differences of two checkpoints, and the diversity of training groups."""

import pandas as pd

from reports.data.markdown import code, table
from reports.sections.tables import difference_columns
from studies.mazes.study import AFTER_PASSK, FINAL, MAIN, WARM, Study
from studies.mazes.tables import KS, Paired, cells, corrected, paired

PASS1, AFTER = MAIN
SPLIT = "easy and hard"
CLAIMS = (
    ("Pass@1 training narrows", (PASS1, FINAL), (PASS1, WARM)),
    ("Pass@k training keeps pass@1 and raises pass@k", (AFTER, AFTER_PASSK), (AFTER, WARM)),
    ("Pass@1 after Pass@k turns pass@k into pass@1", (AFTER, FINAL), (AFTER, AFTER_PASSK)),
    ("and ends higher than Pass@1 alone", (AFTER, FINAL), (PASS1, FINAL)),
)
"""Claim, and two (method, checkpoint); the difference is the first minus the second."""
EDGE = 50
"""Number of steps at the start and at the end of a training."""
DIVERSITY = {
    "entropy": "entropy, nats a token",
    "distinct": "distinct responses, share",
    "all_incorrect": "all-incorrect groups",
    "few_incorrect": "fewer than k incorrect",
    "mixed": "mixed groups",
}
"""Column of steps.parquet, or `mixed` for groups with correct and incorrect responses -> name in the table."""


def markdown(study: Study) -> str:
    """Return the section about the claims and the diversity; empty without any data for it."""
    parts = [_claims(study), _diversity(study)]
    return "\n\n".join(["## The paper's claims", *(part for part in parts if part)]) if any(parts) else ""


def differences(study: Study, regime: str) -> dict[str, list[Paired]]:
    """Return claim -> its difference at each of KS, for claims whose checkpoints both have samples."""
    pairs = {
        claim: [paired(study, regime, method, base, SPLIT, k, checkpoints=(at, before)) for k in KS]
        for claim, (method, at), (base, before) in CLAIMS
    }
    return {claim: [pair for pair in at_ks if pair] for claim, at_ks in pairs.items() if all(at_ks)}


def _claims(study: Study) -> str:
    names = {claim: f"{_name(*first)} − {_name(*second)}" for claim, first, second in CLAIMS}
    pairs = {(regime, claim): at_ks for regime in study.regimes for claim, at_ks in differences(study, regime).items()}
    ps = corrected([pair for at_ks in pairs.values() for pair in at_ks])
    each = iter(ps)
    rows = [
        [claim, regime, names[claim], str(len(at_ks[0].by_seed))]
        + [cell for pair in at_ks for cell in cells(pair, next(each))]
        for (regime, claim), at_ks in pairs.items()
    ]
    several = sum(p is not None for p in ps)
    lead = (
        f"p (Holm): corrected for all {several} differences of this table with two seeds or more.\n"
        "Intervals of one seed cover variation between problems only."
    )
    header = ["claim", "regime", "difference", "seeds", *difference_columns(KS)]
    return f"{lead}\n\n{table(header, rows, left=3)}" if rows else ""


def _name(method: str, checkpoint: str) -> str:
    return {FINAL: code(method), WARM: "before rl"}.get(checkpoint, code(checkpoint))


def _diversity(study: Study) -> str:
    """Return a table of each training: mean of its first and last EDGE steps over seeds, and the range at the end."""
    steps = study.steps.assign(mixed=1 - study.steps["all_incorrect"] - study.steps["all_correct"])
    rows = []
    for regime in study.regimes:
        for method in study.methods(regime):
            of_method = steps[(steps["regime"] == regime) & (steps["method"] == method)].sort_values("step")
            trainings = {method: (FINAL, of_method)}
            if method == AFTER:
                trainings = {AFTER_PASSK: (AFTER_PASSK, of_method[of_method["k"] > 1]), **trainings}
            for name, (checkpoint, frame) in trainings.items():
                finished = study.seeds(regime, method, checkpoint)
                runs = [rows_of_seed for seed, rows_of_seed in frame.groupby("seed") if seed in finished]
                if runs:
                    rows.append([regime, code(name), str(len(runs)), *(_moved(runs, metric) for metric in DIVERSITY)])
    if not rows:
        return ""
    lead = (
        f"Training groups: mean of the first {EDGE} steps → mean of the last {EDGE} steps, over seeds, with the range\n"
        "of the seeds at the end. The Pass@k training of a method has its own row. All-incorrect: no response is\n"
        "correct. Fewer than k incorrect: k is that of the estimator, which is 1 in Pass@1 training. Mixed: correct\n"
        "and incorrect responses; Pass@1 training learns only from these."
    )
    return f"{lead}\n\n{table(['regime', 'method', 'seeds', *DIVERSITY.values()], rows, left=2)}"


def _moved(seeds: list[pd.DataFrame], metric: str) -> str:
    first = [float(steps[metric].head(EDGE).mean()) for steps in seeds]
    last = [float(steps[metric].tail(EDGE).mean()) for steps in seeds]
    start, end = sum(first) / len(first), sum(last) / len(last)
    span = f" ({min(last):.2f}–{max(last):.2f})" if len(last) > 1 else ""
    return f"{start:.2f} → {end:.2f}{span}"
