"""Cost tables in markdown: wall and GPU time by phase, tokens, start-up, orchestration."""

from typing import Any

import pandas as pd

from passk.base.gpus import held as gpus_held
from reports.data.comparison import Comparison
from reports.data.markdown import code, inline, seconds, table
from reports.data.results import Results

PHASES = ("seconds_generation", "seconds_experience", "seconds_training", "seconds_sync")
HEADER = [
    "stage", "steps", "tokens", "wall s", "generation", "experience", "training", "sync", "other", "start-up",
]  # fmt: skip
EVALUATION = ["problems", "samples", "tokens", "cut off", "wall s"]
SESSIONS = 12
"""Number of listed runs of the command for each experiment."""


def several(comparison: Comparison) -> bool:
    """Return whether the comparison has several experiments."""
    return len(comparison.results) > 1


def stages(comparison: Comparison) -> str:
    """Return a table of training: one row for each stage, summed over its runs, then the total.

    A stage that several experiments share counts once.
    """
    rows: list[list[str]] = []
    totals, hours, count, steps, seen = [0.0] * 8, [0.0] * 8, 0, 0, set()
    for entry in comparison.entries:
        sums, runs, done = [0.0] * 8, 0, 0
        for run in entry.runs:
            frame = run.stages[run.stages["name"] == entry.checkpoint]
            for row in (row for _, row in frame.iterrows() if row["key"] not in seen):
                seen.add(row["key"])
                numbers, held = _numbers(row), gpus(run, rollouts=row["kind"] == "rl")
                sums = [_added(a, b) for a, b in zip(sums, numbers, strict=True)] if runs else numbers
                hours = [a + held * _known(b) / 3600 for a, b in zip(hours, numbers, strict=True)]
                runs, done = runs + 1, done + int(row["steps"])
        if runs:
            totals = [a + _known(b) for a, b in zip(totals, sums, strict=True)]
            count, steps = count + runs, steps + done
            rows.append([code(entry.label), *([str(runs)] if several(comparison) else []), *_row(done, sums)])
    if not rows:
        return ""
    rows.append(["total", *([str(count)] if several(comparison) else []), *_row(steps, totals)])
    if any(hours):
        blank = [""] * (3 if several(comparison) else 2)
        rows.append(["GPU hours", *blank, *(f"{value:.2f}" for value in hours[1:])])
    return table([HEADER[0], *(["runs"] if several(comparison) else []), *HEADER[1:]], rows)


def _row(steps: int, numbers: list[float]) -> list[str]:
    return [f"{steps:,}", f"{numbers[0]:,.0f}" if numbers[0] else "–", *map(seconds, numbers[1:])]


def _known(value: float) -> float:
    return value if value == value else 0.0


def _added(a: float, b: float) -> float:
    """Return the sum of the known values; NaN if neither is known."""
    return a if b != b else b if a != a else a + b


def _numbers(row: pd.Series) -> list[float]:
    """Return tokens, then seconds: wall, four phases, other, start-up."""
    phases = [float(row[phase]) for phase in PHASES]
    other = float(row["seconds"]) - sum(phase for phase in phases if phase == phase)
    # a supervised stage has no phases: all of its time is training
    if all(phase != phase for phase in phases):
        phases[2], other = other, 0.0
    tokens = 0.0 if pd.isna(row["tokens"]) else float(row["tokens"])
    return [tokens, float(row["seconds"]), *phases, max(other, 0.0), float(row["startup_seconds"])]


def gpus(run: Results, *, rollouts: bool = True) -> int:
    """Return the GPUs that a stage of the experiment holds, 0 on a CPU.

    rollouts: whether the stage holds those of the engines too.
    """
    compute = run.record.config.get("compute") or {}
    return gpus_held(compute, rollouts=rollouts) if compute.get("profile") == "gpu" else 0


def evaluations(comparison: Comparison) -> str:
    """Return a table of evaluations: one row for each checkpoint and benchmark, summed over its runs."""
    rows, with_gpus = [], any(gpus(run) for run in comparison.results)
    prompts = any(run.evaluations["prompt_tokens"].notna().any() for run in comparison.results)
    priced = any(_price(run) for run in comparison.results)
    for entry in comparison.entries:
        for benchmark in comparison.benchmarks:
            parts, hours, cost, runs = [], 0.0, 0.0, 0
            for run in comparison.sharing(entry):
                frame = run.evaluations
                frame = frame[(frame["checkpoint"] == entry.checkpoint) & (frame["benchmark"] == benchmark)]
                parts += list(frame.itertuples())
                cost += sum(_cost(run, row) for row in frame.itertuples())
                runs += not frame.empty
                held = gpus(run, rollouts=bool((run.stages["kind"] == "rl").any()))
                hours += sum(held * float(row.seconds) for row in frame.itertuples()) / 3600
            if parts:
                samples = sum(row.sample_count for row in parts)
                truncated = sum(row.truncated * row.sample_count for row in parts) / samples
                first = [code(entry.label), code(benchmark), *([str(runs)] if several(comparison) else [])]
                rows.append([
                    *first, f"{max(row.problem_count for row in parts):,}", f"{samples:,}",
                    f"{sum(row.tokens for row in parts):,}", f"{truncated:.1%}", seconds(sum(r.seconds for r in parts)),
                    *([f"{hours:.2f}"] if with_gpus else []),
                    *([f"{sum(_known(row.prompt_tokens) for row in parts):,.0f}"] if prompts else []),
                    *([f"{cost:,.2f}" if cost >= 0.005 else f"{cost:.1g}"] if priced else []),
                ])  # fmt: skip
    header = ["checkpoint", "benchmark", *(["runs"] if several(comparison) else []), *EVALUATION]
    header += [*(["GPU hours"] if with_gpus else []), *(["prompt tokens"] if prompts else [])]
    return table([*header, *(["cost"] if priced else [])], rows, left=2) if rows else ""


def _price(run: Results) -> dict[str, float] | None:
    """Return the prices of a million tokens of the experiment's endpoint."""
    return (run.record.config.get("engine") or {}).get("price")


def _cost(run: Results, row: Any) -> float:
    price = _price(run) or {"input": 0.0, "output": 0.0}
    return (_known(row.prompt_tokens) * price["input"] + row.tokens * price["output"]) / 1e6


def wall_clock(comparison: Comparison) -> str:
    """Return a table of the wall time of all runs of the command, by phase, with the time outside of all phases."""
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
    return table(["phase", "wall s", "share"], [*rows, ["total", seconds(whole), "100.0%"]])


ENGINE = "start-up of the evaluation engine"
BETWEEN = "orchestration: between these phases"
"""Row of the wall time outside of all phases; the table shows it even if it is zero."""


def _wall_clock(run: Results) -> dict[str, float]:
    sessions = run.record.sessions
    phases: dict[str, float] = {}
    for session in sessions:
        for name, value in session.get("phases", {}).items():
            phases[name] = phases.get(name, 0.0) + float(value)
    training = {name.removeprefix("train "): value for name, value in phases.items() if name.startswith("train ")}
    launches, done = run.launches[run.launches["own"]], set(run.launches["name"])
    launches = launches[launches["name"].isin(list(training))]
    steps, startup = float(launches["step_seconds"].sum()), float(launches["startup_seconds"].sum())
    finished = sum(value for name, value in training.items() if name in set(launches["name"]))
    known = [name for name in phases if name in ("prepare", "start Ray", "evaluate")]
    other = sum(phases.values()) - sum(training.values()) - sum(phases[name] for name in known)
    wall = sum(float(session.get("seconds") or 0) for session in sessions)
    busy = sum(_busy(session) for session in sessions)
    return {
        "training steps": min(steps, finished),
        "start-up of the training jobs, before their first step": min(startup, max(finished - steps, 0.0)),
        "launch and end of the jobs, repeated steps": max(finished - steps - startup, 0.0),
        "stages that another experiment trained: waiting": sum(
            value for name, value in training.items() if name in done and name not in set(launches["name"])
        ),
        "unfinished stages": sum(value for name, value in training.items() if name not in done),
        **_evaluation(run, phases.get("evaluate", 0.0)),
        "preparation": phases.get("prepare", 0.0),
        "start of Ray": phases.get("start Ray", 0.0),
        "ingest between stages": other,
        "parallel stages, counted twice above": busy - sum(phases.values()),
        BETWEEN: wall - busy,
        "orchestration: imports and start of the server": sum(float(s.get("before") or 0) for s in sessions),
    }


def _evaluation(run: Results, wall: float) -> dict[str, float]:
    """Return the time of the evaluations and the rest of their phase; undivided if one is unfinished."""
    if not set(run.record.evaluations) <= set(run.evaluations["key"]):
        return {"evaluation": wall, ENGINE: 0.0}
    evaluated = min(float(run.evaluations["seconds"].sum()), wall)
    return {"evaluation": evaluated, ENGINE: wall - evaluated}


def _busy(session: dict[str, Any]) -> float:
    """Return the seconds with an active phase.

    A record without this number gives the sum of the phases, which parallel stages make larger.
    """
    seconds = float(session.get("seconds") or 0)
    return min(float(session.get("busy") or sum(session.get("phases", {}).values())), seconds)


def sessions(comparison: Comparison) -> str:
    """Return a table of the latest runs of the command, one row for each."""
    rows = []
    for run in comparison.results:
        for i, session in list(enumerate(run.record.sessions, start=1))[-SESSIONS:]:
            phases = ", ".join(f"{name} {seconds(value)} s" for name, value in session.get("phases", {}).items())
            first = [code(run.name)] if several(comparison) else []
            rows.append([*first, str(i), *_session(session), inline(phases) or "–"])
    header = [*(["experiment"] if several(comparison) else []), "run", "started", "wall s", "result", "phases"]
    return table(header, rows, left=len(header)) if rows else ""


def _session(session: dict[str, Any]) -> list[str]:
    wall = float(session.get("before") or 0) + float(session.get("seconds") or 0)
    return [code(str(session.get("started", "–"))), seconds(wall), ended(session)]


def ended(session: dict[str, Any]) -> str:
    """Return the result of a run of the command: done, failed, stopped or killed; a dash if the record lacks it."""
    if "ended" not in session:
        return "–"
    return {"done": "done", "failed": "failed"}.get(str(session["ended"]), "stopped or killed")
