"""Frames, files and pages that all studies share: steps of a method, compact number types, and the marked part."""

import re
from pathlib import Path

import pandas as pd

from passk.base.errors import PasskError
from reports.data.methods import Method
from reports.data.results import Results

MARKED = re.compile(r"(<!-- numbers -->).*?(<!-- end of numbers -->)", re.DOTALL)
"""Part of a page that `remake` writes."""
METRICS = [
    "reward", "entropy", "distinct", "all_incorrect", "all_correct", "few_incorrect", "length", "truncated",
    "clip_ratio", "grad_norm", "lr", "tokens", "seconds",
]  # fmt: skip
"""Metrics of a step besides its pass@k, which is pass_at_1, pass_at_2, ..."""
_WHOLE = ("seed", "step", "k", "tokens", "n", "c")


def method_steps(run: Results, method: Method) -> pd.DataFrame:
    """Return the rl steps of a method in order.

    Columns: step (of the whole method), k, estimator, METRICS, pass_at_1, pass_at_2, ...
    """
    parts = []
    for node in method.rl:
        steps = run.steps[run.steps["stage"] == node.name]
        if not steps.empty:
            curves = pd.DataFrame([{int(k): value for k, value in curve.items()} for curve in steps["pass_at_k"]])
            kept = steps.drop(columns="step").rename(columns={"total_step": "step"})
            kept = kept[["step", "k", "estimator", *METRICS]]
            curves = curves.reindex(columns=sorted(curves)).add_prefix("pass_at_").set_index(kept.index)
            parts.append(pd.concat([kept, curves], axis=1))
    return pd.concat(parts) if parts else pd.DataFrame()


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with 32-bit integers and floats, which hold all meaningful digits of a metric."""
    whole = [name for name in _WHOLE if name in frame]
    types = dict.fromkeys(frame.select_dtypes("number").columns, "float32") | dict.fromkeys(whole, "int32")
    return frame.astype(types).reset_index(drop=True)


def write(frame: pd.DataFrame, file: Path) -> None:
    """Write a frame as a small Parquet file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(file, index=False, compression="zstd", compression_level=15)


def read(file: Path, study: str) -> pd.DataFrame:
    """Read a Parquet file of a study. Raise PasskError if it is missing."""
    if not file.is_file():
        raise PasskError(f"{file}: no such file; write it with `python -m studies.{study} export`")
    return pd.read_parquet(file)


def fill(page: Path, numbers: str) -> None:
    """Write the marked part of a page, if there is a page."""
    if page.is_file():
        text = page.read_text(encoding="utf-8")
        page.write_text(MARKED.sub(lambda match: f"{match[1]}\n\n{numbers}\n\n{match[2]}", text), encoding="utf-8")
