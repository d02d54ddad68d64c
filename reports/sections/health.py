"""Table of the training's health: numbers of each rl stage that show a fault of the trainer or the engines."""

import pandas as pd

from reports.data.comparison import Comparison
from reports.data.designs import steps_of
from reports.data.markdown import code, table

HEADER = (
    "stage", "logprob gap, mean", "largest", "clip ratio, mean", "gradient norm, median", "largest", "cut off, mean",
)  # fmt: skip
OPTIONAL = {
    "kl": "KL, mean",
    "importance_gap": "importance gap, mean",
    "importance_ratio": "importance ratio, mean",
    "importance_filtered": "out of bounds, mean",
}
"""Metrics that only some settings of a stage have, with their column."""
GROUPS = ("groups generated", "groups used")


def health(comparison: Comparison) -> str:
    """Return one row for each rl stage over the steps of all its runs; empty without an rl step."""
    frames = {entry: steps_of(entry) for entry in comparison.entries if entry.kind == "rl"}
    steps = {entry: pd.concat(each) for entry, each in frames.items() if each}
    more = [name for name in OPTIONAL if any(frame[name].notna().any() for frame in steps.values())]
    filters = any((frame["used_groups"] < frame["generated_groups"]).any() for frame in steps.values())
    rows = [
        [code(entry.label), *_row(frame, more), *(_groups(frame) if filters else [])] for entry, frame in steps.items()
    ]
    header = (*HEADER, *(OPTIONAL[name] for name in more), *(GROUPS if filters else ()))
    return table(header, rows) if rows else ""


def never_clipped(comparison: Comparison) -> bool:
    """Return whether all rl steps have a clip ratio of 0."""
    frames = [frame for entry in comparison.entries if entry.kind == "rl" for frame in steps_of(entry)]
    return bool(frames) and all((frame["clip_ratio"] == 0).all() for frame in frames)


def _row(steps: pd.DataFrame, more: list[str]) -> list[str]:
    gap, norm = steps["logprob_gap"].astype(float), steps["grad_norm"].astype(float)
    return [
        _number(gap.mean()),
        _number(gap.max()),
        _number(steps["clip_ratio"].astype(float).mean()),
        _number(norm.median()),
        _number(norm.max()),
        f"{steps['truncated'].mean():.1%}",
        *(_number(steps[name].astype(float).mean()) for name in more),
    ]


def _groups(steps: pd.DataFrame) -> list[str]:
    """Return the groups that were generated and used in all steps."""
    return [f"{steps[name].sum():.0f}" for name in ("generated_groups", "used_groups")]


def _number(value: float) -> str:
    """Return a number with three digits; a dash if no step has it."""
    return "–" if pd.isna(value) else f"{value:.3g}"
