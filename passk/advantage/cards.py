"""Build the table of all estimators from their cards."""

import inspect

from passk.advantage import Estimator, get, names

FAMILIES: dict[str, tuple[str, ...]] = {
    "Pass@1": ("grpo", "dr_grpo", "rloo", "maxrl", "psr", "nsr", "w_reinforce"),
    "Pass@k Training": (
        "passk_full",
        "passk_bootstrap",
        "passk_analytical",
        "passk_exceeding",
        "passk_combination",
        "passk_adaptive",
        "passk_easy_masked",
    ),
    "PKPO": ("pkpo_s", "pkpo_sloo", "pkpo_sloo_minus_one"),
    "sets of k": ("loo_max", "maxpo", "rspo", "poly_epo", "ordergrad", "remax", "majority", "vote_k"),
    "of the solve rate": ("reinforce_k", "surrogate", "f_grpo", "rs_grpo", "tsallis", "curverl"),
    "among correct rollouts": ("ucpo", "cue_grpo"),
    "tails": ("riskpo", "tea"),
    "transforms": ("edas",),
}
"""Families of estimators, in the order of the table. Estimators of other packages come last."""

_HEAD = ("estimator", "advantage of rollout i", "k", "rewards", "needs", "its gradient", "taken as", "source")


def table() -> str:
    """Return a markdown table with a row per estimator, those of other packages included.

    The column "its gradient" holds what the estimator estimates, and its bias. The column "taken as" says whether that
    is the mean or the sum of A_i grad log p(y_i) over the rollouts of a prompt.
    """
    ours = [name for family in FAMILIES.values() for name in family]
    ordered = [*ours, *(name for name in names() if name not in ours)]
    lines = [_HEAD, ("---",) * len(_HEAD), *(_row(get(name)) for name in ordered)]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def _row(estimator: Estimator) -> tuple[str, ...]:
    required = [option for option, default in estimator.options.items() if default is inspect.Parameter.empty]
    needs = ", ".join([*estimator.needs, *(f"option {option}" for option in required)])
    rewards = "0 and 1" if estimator.binary else "graded" if estimator.graded else "any"
    return (
        f"`{estimator.name}`",
        estimator.formula,
        estimator.k,
        rewards,
        needs,
        estimator.estimates,
        estimator.scale,
        estimator.source,
    )
