"""What it took: wall and GPU time by phase, tokens, start-up, orchestration, interruptions. Markdown tables."""

from typing import Any

import pandas as pd

from reports.comparison import Comparison
from reports.results import Results
from reports.text import code, inline, seconds, table

PHASES = ("seconds_generation", "seconds_experience", "seconds_training", "seconds_sync")
HEADER = [
    "stage", "steps", "tokens", "wall s", "generation", "experience", "training", "sync", "other", "start-up",
]  # fmt: skip


def several(comparison: Comparison) -> bool:
    return len(comparison.results) > 1


def stages(comparison: Comparison) -> str:
    """A row a stage of each experiment, their sum beneath; a stage that two experiments share is there once."""
    rows: list[list[str]] = []
    totals, steps, gpu = [0.0] * 8, 0, 0.0
    seen: set[str] = set()
    with_gpu = any(gpus(run) for run in comparison.results)
    for run in comparison.results:
        by_name = run.stages.set_index("name")
        for name in (node.name for node in run.graph if node.name in by_name.index):
            row = by_name.loc[name]
            if row["key"] in seen:
                continue
            seen.add(row["key"])
            numbers = _numbers(row)
            totals = [a + (b if b == b else 0) for a, b in zip(totals, numbers, strict=True)]
            steps += int(row["steps"])
            hours = _gpu_hours(run, numbers[1], numbers[7])
            gpu += hours
            tokens = f"{numbers[0]:,.0f}" if numbers[0] else "–"
            shown = [f"{row['steps']:,}", tokens, *map(seconds, numbers[1:]), *([f"{hours:.2f}"] if with_gpu else [])]
            rows.append([*([code(run.name)] if several(comparison) else []), code(name), *shown])
    if not rows:
        return ""
    blank = [""] if several(comparison) else []
    last = [f"{steps:,}", f"{totals[0]:,.0f}", *map(seconds, totals[1:]), *([f"{gpu:.2f}"] if with_gpu else [])]
    rows.append([*blank, "together", *last])
    header = [*(["experiment"] if several(comparison) else []), *HEADER, *(["GPU h"] if with_gpu else [])]
    return table(header, rows, left=len(blank) + 1)


def _numbers(row: pd.Series) -> list[float]:
    """tokens, wall, four phases, other, start-up."""
    phases = [float(row[phase]) for phase in PHASES]
    other = float(row["seconds"]) - sum(phase for phase in phases if phase == phase)
    # sft has no phases: all of its time is training
    if all(phase != phase for phase in phases):
        phases[2], other = other, 0.0
    tokens = 0.0 if pd.isna(row["tokens"]) else float(row["tokens"])
    return [tokens, float(row["seconds"]), *phases, max(other, 0.0), float(row["startup_seconds"])]


def gpus(run: Results) -> int:
    """GPUs that the experiment holds; 0 on a CPU."""
    compute = run.record.config.get("compute") or {}
    return compute["nodes"] * compute["gpus_per_node"] if compute.get("profile") == "gpu" else 0


def _gpu_hours(run: Results, wall: float, startup: float) -> float:
    return gpus(run) * (wall + (startup if startup == startup else 0.0)) / 3600


def samplings(comparison: Comparison) -> str:
    rows = []
    for run in comparison.results:
        place = {name: i for i, name in enumerate(run.checkpoints)}
        own = run.samplings.assign(place=run.samplings["checkpoint"].map(place)).sort_values(["place", "benchmark"])
        for row in own.itertuples():
            shown = [
                f"{row.problem_count:,}", f"{row.sample_count:,}", f"{row.tokens:,}", f"{row.truncated:.1%}",
                seconds(row.seconds),
            ]  # fmt: skip
            first = [code(run.name)] if several(comparison) else []
            rows.append([*first, code(row.checkpoint), code(row.benchmark), *shown])
    header = ["checkpoint", "benchmark", "problems", "samples", "tokens", "cut off", "wall s"]
    left = 2
    if several(comparison):
        header, left = ["experiment", *header], 3
    return table(header, rows, left=left) if rows else ""


def wall_clock(comparison: Comparison) -> str:
    """Where the wall time of all runs of an experiment went, down to what no phase accounts for."""
    parts = [_wall_clock(run) for run in comparison.results if run.record.sessions]
    if not parts:
        return ""
    header = list(parts[0])
    first = [[code(run.name)] if several(comparison) else [] for run in comparison.results if run.record.sessions]
    rows = [[*name, *part.values()] for name, part in zip(first, parts, strict=True)]
    return table([*(["experiment"] if several(comparison) else []), *header], rows, left=int(several(comparison)))


def _wall_clock(run: Results) -> dict[str, str]:
    sessions = run.record.sessions
    wall = sum(float(session.get("seconds") or 0) for session in sessions)
    phases = [session.get("phases", {}) for session in sessions]

    def phase(start: str) -> float:
        return sum(value for own in phases for name, value in own.items() if name.startswith(start))

    own = run.launches[run.launches["own"]]
    training, steps, startup = phase("train"), float(own["step_seconds"].sum()), float(own["startup_seconds"].sum())
    other = phase("") - training - phase("sample")
    outside = [
        float(session.get("seconds") or 0) - sum(own.values()) for session, own in zip(sessions, phases, strict=True)
    ]
    # stages that train side by side count twice, and no one can tell from the sums what lay between the phases
    between = seconds(sum(outside)) if all(gap >= 0 for gap in outside) else "–"
    return {
        "runs": str(len(sessions)),
        "wall s": seconds(wall),
        "training": seconds(training),
        "of that steps": seconds(steps),
        "start-up": seconds(startup),
        "launch and end": seconds(max(training - steps - startup, 0.0)) if training else "–",
        "sampling": seconds(phase("sample")),
        "prepare, file, report": seconds(max(other, 0.0)),
        "orchestration": between,
    }


def sessions(comparison: Comparison) -> str:
    rows = []
    for run in comparison.results:
        for i, session in enumerate(run.record.sessions, start=1):
            phases = ", ".join(f"{name} {seconds(value)} s" for name, value in session.get("phases", {}).items())
            first = [code(run.name)] if several(comparison) else []
            rows.append([*first, str(i), *_session(session), inline(phases) or "–"])
    header = [*(["experiment"] if several(comparison) else []), "run", "started", "wall s", "of which"]
    return table(header, rows, left=len(header)) if rows else ""


def _session(session: dict[str, Any]) -> list[str]:
    return [code(str(session.get("started", "–"))), seconds(session.get("seconds"))]


def failures(comparison: Comparison) -> str:
    rows = [
        [*([code(run.name)] if several(comparison) else []), code(where), code(what)]
        for run in comparison.results
        for where, what in sorted(run.record.failures.items())
    ]
    header = [*(["experiment"] if several(comparison) else []), "where", "what"]
    return table(header, rows, left=len(header)) if rows else ""


def retries(comparison: Comparison) -> list[str]:
    """What was begun again, in sentences."""
    lines = []
    for run in comparison.results:
        who = f"{code(run.name)}: " if several(comparison) else ""
        count = len(run.record.sessions)
        if count > 1:
            lines.append(
                f"{who}It took {count} runs of the command, each going on from what the one before had finished."
            )
        lines += [
            f"{who}{code(row.name)} stood still for {seconds(row.seconds)} s before step {row.step}, then went on."
            for row in run.pauses.itertuples(index=False)
        ]
    return lines
