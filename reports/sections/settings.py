"""Table of the pooled difference over several settings, and of their interactions."""

from reports.data.comparison import Comparison
from reports.data.interaction import Effect, effects
from reports.data.markdown import code, table
from reports.data.results import ALL
from reports.sections.tables import marked


def settings_table(comparison: Comparison) -> str:
    """Return one row for each combination of settings and benchmark; empty without several settings with seeds."""
    estimates = effects(comparison)
    ks = sorted({effect.k for effect in estimates})
    rows: dict[tuple[str, str], dict[int, str]] = {}
    for effect in estimates:
        benchmark = "all together" if effect.benchmark == ALL else code(effect.benchmark)
        rows.setdefault((_what(effect), benchmark), {})[effect.k] = marked(effect.estimate)
    lines = [[*names, *(cells.get(k, "–") for k in ks)] for names, cells in rows.items()]
    return table(["difference", "benchmark", *(f"pass@{k}" for k in ks)], lines, left=2) if lines else ""


def _what(effect: Effect) -> str:
    difference = f"{code(effect.method)} − {code(effect.baseline)}"
    if effect.pooled:
        return f"{difference}, mean of {len(effect.settings)} settings"
    first, second = (code(label) for label in effect.settings)
    return f"({difference}): {first} − {second}"
