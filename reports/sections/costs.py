"""What it took: wall and GPU time by phase, tokens, start-up, orchestration. Markdown tables."""

from typing import Any

import pandas as pd

from reports.data.comparison import Comparison
from reports.data.markdown import code, inline, seconds, table
from reports.data.results import Results

PHASES = ("seconds_generation", "seconds_experience", "seconds_training", "seconds_sync")
HEADER = [
    "stage", "steps", "tokens", "wall s", "generation", "experience", "training", "sync", "other", "start-up",
]  # fmt: skip
EVALUATION = ["problems", "samples", "tokens", "cut off", "wall s"]
SESSIONS = 12
"""runs of the command that are listed, of an experiment"""


def several(comparison: Comparison) -> bool:
    return len(comparison.results) > 1


def stages(comparison: Comparison) -> str:
    """A row a stage, of all runs that trained it, their sum beneath; a stage that two experiments share counts once."""
    rows: list[list[str]] = []
    totals, hours, count, steps, seen = [0.0] * 8, [0.0] * 8, 0, 0, set()
    for entry in comparison.entries:
        own, runs, done = [0.0] * 8, 0, 0
        for run in entry.runs:
            found = run.stages[run.stages["name"] == entry.checkpoint]
            for row in (row for _, row in found.iterrows() if row["key"] not in seen):
                seen.add(row["key"])
                numbers, held = _numbers(row), gpus(run, rollouts=row["kind"] == "rl")
                own = [_added(a, b) for a, b in zip(own, numbers, strict=True)] if runs else numbers
                hours = [a + held * _known(b) / 3600 for a, b in zip(hours, numbers, strict=True)]
                runs, done = runs + 1, done + int(row["steps"])
        if runs:
            totals = [a + _known(b) for a, b in zip(totals, own, strict=True)]
            count, steps = count + runs, steps + done
            rows.append([code(entry.label), *([str(runs)] if several(comparison) else []), *_row(done, own)])
    if not rows:
        return ""
    rows.append(["together", *([str(count)] if several(comparison) else []), *_row(steps, totals)])
    if any(hours):
        blank = [""] * (3 if several(comparison) else 2)
        rows.append(["GPU hours", *blank, *(f"{value:.2f}" for value in hours[1:])])
    return table([HEADER[0], *(["runs"] if several(comparison) else []), *HEADER[1:]], rows)


def _row(steps: int, numbers: list[float]) -> list[str]:
    return [f"{steps:,}", f"{numbers[0]:,.0f}" if numbers[0] else "–", *map(seconds, numbers[1:])]


def _known(value: float) -> float:
    return value if value == value else 0.0


def _added(a: float, b: float) -> float:
    """Not known where neither is."""
    return a if b != b else b if a != a else a + b


def _numbers(row: pd.Series) -> list[float]:
    """tokens, wall, four phases, other, start-up."""
    phases = [float(row[phase]) for phase in PHASES]
    other = float(row["seconds"]) - sum(phase for phase in phases if phase == phase)
    # sft has no phases: all of its time is training
    if all(phase != phase for phase in phases):
        phases[2], other = other, 0.0
    tokens = 0.0 if pd.isna(row["tokens"]) else float(row["tokens"])
    return [tokens, float(row["seconds"]), *phases, max(other, 0.0), float(row["startup_seconds"])]


def gpus(run: Results, *, rollouts: bool = True) -> int:
    """GPUs that a stage of the experiment holds, its engines' among them where it needs `rollouts`; 0 on a CPU."""
    compute = run.record.config.get("compute") or {}
    if compute.get("profile") != "gpu":
        return 0
    trained_on = compute["nodes"] * compute["gpus_per_node"]
    own = 0 if compute["colocate"] or not rollouts else compute["engines"] * compute["tensor_parallel"]
    return trained_on + own


def evaluations(comparison: Comparison) -> str:
    """A row a checkpoint and benchmark, of all runs that sampled it."""
    rows, with_gpus = [], any(gpus(run) for run in comparison.results)
    for entry in comparison.entries:
        for benchmark in comparison.benchmarks:
            parts, hours = [], 0.0
            for run in comparison.sharing(entry):
                own = run.evaluations
                own = own[(own["checkpoint"] == entry.checkpoint) & (own["benchmark"] == benchmark)]
                parts += list(own.itertuples())
                held = gpus(run, rollouts=bool((run.stages["kind"] == "rl").any()))
                hours += sum(held * float(row.seconds) for row in own.itertuples()) / 3600
            if parts:
                samples = sum(row.sample_count for row in parts)
                truncated = sum(row.truncated * row.sample_count for row in parts) / samples
                first = [code(entry.label), code(benchmark), *([str(len(parts))] if several(comparison) else [])]
                rows.append([
                    *first, f"{max(row.problem_count for row in parts):,}", f"{samples:,}",
                    f"{sum(row.tokens for row in parts):,}", f"{truncated:.1%}", seconds(sum(r.seconds for r in parts)),
                    *([f"{hours:.2f}"] if with_gpus else []),
                ])  # fmt: skip
    header = ["checkpoint", "benchmark", *(["runs"] if several(comparison) else []), *EVALUATION]
    return table([*header, *(["GPU hours"] if with_gpus else [])], rows, left=2) if rows else ""


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
        if abs(value) >= 0.05 or what == BETWEEN
    ]
    return table(["what", "wall s", "share"], [*rows, ["together", seconds(whole), "100.0%"]])


ENGINE = "start-up of the evaluation engine"
BETWEEN = "orchestration: between all these"
"""there also where it is nothing"""


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
    known = [name for name in phases if name in ("prepare", "start Ray", "evaluate")]
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
        **_evaluation(run, phases.get("evaluate", 0.0)),
        "preparation": phases.get("prepare", 0.0),
        "Ray's start": phases.get("start Ray", 0.0),
        "filing between stages": other,
        "side by side, counted twice above": busy - sum(phases.values()),
        BETWEEN: wall - busy,
        "orchestration: imports and the server's start": sum(float(s.get("before") or 0) for s in sessions),
    }


def _evaluation(run: Results, wall: float) -> dict[str, float]:
    """What the evaluations themselves took, and the rest of their phase; undivided where one is not finished."""
    own = run.evaluations
    if not set(run.record.evaluations) <= set(own["key"]):
        return {"evaluation": wall, ENGINE: 0.0}
    sampled = min(float(own["seconds"].sum()), wall)
    return {"evaluation": sampled, ENGINE: wall - sampled}


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
