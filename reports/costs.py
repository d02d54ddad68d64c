"""What it took: wall and GPU time by phase, tokens, start-up, orchestration. Markdown tables."""

from typing import Any

import pandas as pd

from reports.comparison import Comparison
from reports.results import Results
from reports.text import code, inline, seconds, table

PHASES = ("seconds_generation", "seconds_experience", "seconds_training", "seconds_sync")
HEADER = [
    "stage", "steps", "tokens", "wall s", "generation", "experience", "training", "sync", "other", "start-up",
]  # fmt: skip
SESSIONS = 12
"""runs of the command that are listed, of an experiment"""


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
    last = [
        f"{steps:,}",
        f"{totals[0]:,.0f}" if totals[0] else "–",
        *map(seconds, totals[1:]),
        *([f"{gpu:.2f}"] if with_gpu else []),
    ]
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
    """Where the wall time of all runs of the command went, down to what no phase accounts for."""
    parts = [_wall_clock(run) for run in comparison.results if run.record.sessions]
    if not parts:
        return ""
    sums = {what: sum(part[what] for part in parts) for what in parts[0]}
    whole = sum(sums.values())
    rows = [
        [what, seconds(value), f"{value / whole:.1%}" if whole else "–"]
        for what, value in sums.items()
        if abs(value) >= 0.05 or what in _ALWAYS
    ]
    return table(["what", "wall s", "share"], [*rows, ["together", seconds(whole), "100.0%"]])


_ALWAYS = ("training steps", "orchestration: between all these")


def _wall_clock(run: Results) -> dict[str, float]:
    sessions = run.record.sessions
    phases: dict[str, float] = {}
    for session in sessions:
        for name, value in session.get("phases", {}).items():
            phases[name] = phases.get(name, 0.0) + float(value)
    training = {name.removeprefix("train "): value for name, value in phases.items() if name.startswith("train ")}
    own, done = run.launches[run.launches["own"]], set(run.launches["name"])
    own = own[own["name"].isin(list(training))]
    steps, startup = float(own["step_seconds"].sum()), float(own["startup_seconds"].sum())
    finished = sum(value for name, value in training.items() if name in set(own["name"]))
    known = [name for name in phases if name in ("prepare", "start Ray", "sample")]
    other = sum(phases.values()) - sum(training.values()) - sum(phases[name] for name in known)
    wall = sum(float(session.get("seconds") or 0) for session in sessions)
    busy = sum(_busy(session) for session in sessions)
    return {
        "training steps": min(steps, finished),
        "start-up of the training jobs, before their first step": min(startup, max(finished - steps, 0.0)),
        "launch and end of the jobs, steps done again": max(finished - steps - startup, 0.0),
        "stages that another experiment trained: waiting": sum(
            value for name, value in training.items() if name in done and name not in set(own["name"])
        ),
        "stages that are not finished": sum(value for name, value in training.items() if name not in done),
        "sampling": phases.get("sample", 0.0),
        "preparation": phases.get("prepare", 0.0),
        "Ray's start": phases.get("start Ray", 0.0),
        "filing between stages": other,
        "side by side, counted twice above": busy - sum(phases.values()),
        "orchestration: between all these": wall - busy,
        "orchestration: imports and the server's start": sum(float(s.get("before") or 0) for s in sessions),
    }


def _busy(session: dict[str, Any]) -> float:
    """Seconds in which some phase went on. Earlier records have the phases' sum alone, which side by side is more."""
    seconds = float(session.get("seconds") or 0)
    return min(float(session.get("busy") or sum(session.get("phases", {}).values())), seconds)


def sessions(comparison: Comparison) -> str:
    """A row a run of the command, the latest ones where there are many."""
    rows = []
    for run in comparison.results:
        for i, session in list(enumerate(run.record.sessions, start=1))[-SESSIONS:]:
            phases = ", ".join(f"{name} {seconds(value)} s" for name, value in session.get("phases", {}).items())
            first = [code(run.name)] if several(comparison) else []
            rows.append([*first, str(i), *_session(session), inline(phases) or "–"])
    header = [*(["experiment"] if several(comparison) else []), "run", "started", "wall s", "ended", "of which"]
    return table(header, rows, left=len(header)) if rows else ""


def _session(session: dict[str, Any]) -> list[str]:
    wall = float(session.get("before") or 0) + float(session.get("seconds") or 0)
    return [code(str(session.get("started", "–"))), seconds(wall), ended(session)]


def ended(session: dict[str, Any]) -> str:
    if "ended" not in session:
        return "–"  # a record of before it was kept
    return {"done": "done", "failed": "failed"}.get(str(session["ended"]), "stopped or killed")
