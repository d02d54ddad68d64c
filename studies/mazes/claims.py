"""The paper's three claims (arXiv 2508.10751), each a difference of two checkpoints, and diversity in training."""

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
    ("Pass@1 after Pass@k turns it into pass@1", (AFTER, FINAL), (AFTER, AFTER_PASSK)),
    ("and ends higher than Pass@1 alone", (AFTER, FINAL), (PASS1, FINAL)),
)
"""claim, and the (arm, checkpoint) of which the second is taken from the first"""
EDGE = 50
"""steps that are the begin and the end of a training"""
DIVERSITY = {
    "entropy": "entropy, nats a token",
    "distinct": "distinct responses, share",
    "all_wrong": "dead groups",
    "few_wrong": "saturated groups",
    "mixed": "mixed groups",
}
"""metric of a step, or `mixed`, which is what is neither all wrong nor all right -> its name"""


def markdown(study: Study) -> str:
    parts = [_claims(study), _diversity(study)]
    return "\n\n".join(["## The paper's claims", *(part for part in parts if part)]) if any(parts) else ""


def differences(study: Study, regime: str) -> dict[str, list[Paired]]:
    """Claim -> its difference at each of KS, where both checkpoints were sampled."""
    found = {
        claim: [paired(study, regime, arm, base, SPLIT, k, checkpoints=(at, before)) for k in KS]
        for claim, (arm, at), (base, before) in CLAIMS
    }
    return {claim: [one for one in own if one] for claim, own in found.items() if all(own)}


def _claims(study: Study) -> str:
    names = {claim: f"{_name(*first)} − {_name(*second)}" for claim, first, second in CLAIMS}
    found = {(regime, claim): own for regime in study.regimes for claim, own in differences(study, regime).items()}
    told = corrected([one for own in found.values() for one in own])
    each = iter(told)
    rows = [
        [claim, regime, names[claim], str(len(own[0].by_seed))]
        + [cell for one in own for cell in cells(one, next(each))]
        for (regime, claim), own in found.items()
    ]
    several = sum(p is not None for p in told)
    lead = (
        f"p (Holm): corrected for all {several} differences of this table that are over two seeds or more.\n"
        "Of one seed the interval is over problems alone."
    )
    header = ["claim", "regime", "difference", "seeds", *difference_columns(KS)]
    return f"{lead}\n\n{table(header, rows, left=3)}" if rows else ""


def _name(arm: str, checkpoint: str) -> str:
    return {FINAL: code(arm), WARM: "before rl"}.get(checkpoint, code(checkpoint))


def _diversity(study: Study) -> str:
    """Of each training: mean over seeds of its first and its last EDGE steps, and the range of the seeds' last."""
    steps = study.steps.assign(mixed=1 - study.steps["all_wrong"] - study.steps["all_right"])
    rows = []
    for regime in study.regimes:
        for arm in study.arms(regime):
            of_arm = steps[(steps["regime"] == regime) & (steps["arm"] == arm)].sort_values("step")
            trainings = {arm: (FINAL, of_arm)}
            if arm == AFTER:
                trainings = {AFTER_PASSK: (AFTER_PASSK, of_arm[of_arm["k"] > 1]), **trainings}
            for name, (checkpoint, own) in trainings.items():
                ended = study.seeds(regime, arm, checkpoint)
                runs = [frame for seed, frame in own.groupby("seed") if seed in ended]
                if runs:
                    rows.append([regime, code(name), str(len(runs)), *(_moved(runs, metric) for metric in DIVERSITY)])
    if not rows:
        return ""
    lead = (
        f"Of the training's own groups: mean of the first {EDGE} steps → of the last {EDGE}, over seeds, and the\n"
        "range of the seeds in the last. Where an arm goes on from Pass@k training, that is a row of its own.\n"
        "Dead: no answer is right. Saturated: fewer answers are wrong than the rule's k, which is 1 in Pass@1\n"
        "training. Mixed: right and wrong ones, of which alone Pass@1 training learns."
    )
    return f"{lead}\n\n{table(['regime', 'arm', 'seeds', *DIVERSITY.values()], rows, left=2)}"


def _moved(seeds: list[pd.DataFrame], metric: str) -> str:
    first = [float(steps[metric].head(EDGE).mean()) for steps in seeds]
    last = [float(steps[metric].tail(EDGE).mean()) for steps in seeds]
    start, end = sum(first) / len(first), sum(last) / len(last)
    between = f" ({min(last):.2f}–{max(last):.2f})" if len(last) > 1 else ""
    return f"{start:.2f} → {end:.2f}{between}"
