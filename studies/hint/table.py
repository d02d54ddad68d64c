"""What the responses do with a hint, and the share e of correct hints above which Pass@1 training would be trapped."""

import json
import math
from pathlib import Path

import pandas as pd

from studies.hint.sums import CONDITIONS, sums


def read(runs: Path) -> pd.DataFrame:
    """Return the samples of the base model in all conditions with the columns condition and copied.

    copied: whether the response states the hint's number. Without a hint it is whether it states the incorrect one.
    """
    frames = []
    for file in sorted(runs.rglob("evaluations/*/samples.parquet")):
        record = json.loads((file.parent / "evaluation.json").read_text(encoding="utf-8"))
        if record["benchmark"] in CONDITIONS:
            frame = pd.read_parquet(file).assign(condition=record["benchmark"])
            numbers = frame["problem"].str.extract(r"sum-(\d+)-")[0].astype(int)
            each = sums()
            hints = [each[number].hint(record["benchmark"]) or each[number].incorrect for number in numbers]
            frames.append(frame.assign(copied=frame["extracted"] == pd.Series(hints, index=frame.index).astype(str)))
    return pd.concat(frames)


def turning_point(odds: float) -> float:
    """Return the e above which Pass@1 training reduces computing: b / (1 - b) = (e / (1 - e))^2 (docs/shortcut.md).

    odds: b / (1 - b) of the responses that do not copy the hint.
    """
    return math.sqrt(odds) / (1 + math.sqrt(odds))


def text(samples: pd.DataFrame) -> str:
    """Return a table of the conditions, then the skill of those that do not copy."""
    lines = [
        "| hint | samples | no answer | correct | states the incorrect number | neither |",
        "|---|---|---|---|---|---|",
    ]
    for condition in CONDITIONS:
        rows = samples[samples["condition"] == condition]
        silent = (~rows["reason"].isin(["correct", "incorrect"])).mean()
        copied = 0.0 if condition == "correct" else rows["copied"].mean()
        correct = rows["correct"].mean()
        rest = 1 - silent - copied - correct
        lines.append(f"| {condition} | {len(rows)} | {silent:.3f} | {correct:.3f} | {copied:.3f} | {rest:.3f} |")
    rows = samples[samples["condition"] == "incorrect"]
    right, computed = rows["correct"].sum(), (~rows["copied"]).sum()
    odds = right / max(1, computed - right)
    skill = right / max(1, computed)
    point = turning_point(odds)
    lines += ["", f"p = {computed / len(rows):.3f}, b = {skill:.3f}, turning point e = {point:.2f}"]
    return "\n".join(lines)
