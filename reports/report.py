"""Results -> report.md and its figures. The same data give the same bytes: no clock, no unsorted order."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from reports import curves, over_k
from reports.answer import answer, interval
from reports.results import ALL, Difference, Results, load
from reports.text import code, fenced, inline, plain_table, seconds, table

TEMPLATES = Path(__file__).parent / "templates"
SORTS = {"right": 3, "wrong": 3, "truncated": 1}
PHASES = ("seconds_generation", "seconds_experience", "seconds_training", "seconds_sync")


def write_report(store_path: Path, experiment_directory: Path) -> Path:
    """Write report.md and figures/*.png into the experiment's directory; returns the path of report.md.

    Reads the store alone; the experiment goes by its directory's name. Raises PasskError where the store
    does not have it.
    """
    results = load(store_path, experiment_directory.name)
    figures = experiment_directory / "figures"
    drawn = {
        "curves": curves.draw(results, figures / "curves.png"),
        "over_k": over_k.draw(results, figures / "pass_at_k.png"),
    }
    path = experiment_directory / "report.md"
    path.write_text(render(results, drawn), encoding="utf-8")
    return path


def results_table(store_path: Path, experiment: str) -> str:
    """The main table and the answer, for a terminal."""
    results = load(store_path, experiment)
    parts = (
        [plain_table(*_main_table(results, mark=lambda text: f"*{text}", dress=str), left=2)] if results.groups else []
    )
    parts += [*answer(results)]
    return "\n\n".join(["\n".join(parts[:1]), "\n".join(parts[1:])]) if results.groups else "\n".join(parts)


def results_rows(store_path: Path, experiment: str) -> list[dict[str, str]]:
    """The main table, a dictionary a row; empty where nothing has been sampled."""
    results = load(store_path, experiment)
    if not results.groups:
        return []
    header, rows = _main_table(results, mark=lambda text: f"*{text}*", dress=str)
    return [dict(zip(header, row, strict=True)) for row in rows]


def render(results: Results, drawn: dict[str, bool]) -> str:
    """The text of report.md."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    environment.filters |= {"inline": inline, "code": code, "fenced": fenced}
    record = results.record
    return environment.get_template("report.md.j2").render(
        record=record,
        answer=answer(results, code),
        drawn=drawn,
        main=table(*_main_table(results, mark=lambda text: f"**{text}**", dress=code), left=2)
        if results.groups
        else "",
        sizes=_sizes(results),
        arms=[(arm.name, arm.recipe, arm.warm_start) for arm in results.arms],
        differences=_difference_table([*results.between_arms, *results.over_warm_start]),
        transcripts_of=results.transcripts_of,
        transcripts=_transcripts(results.transcripts),
        stage_costs=_stage_costs(results),
        sampling_costs=_sampling_costs(results),
        sessions=_sessions(record.sessions),
        failures=table(["where", "what"], [[code(k), code(v)] for k, v in sorted(record.failures.items())], left=2),
        hashes=_hashes(results),
        versions=", ".join(f"{name} {version}" for name, version in sorted(record.versions.items())),
        hardware=", ".join(f"{name}: {_plain(value)}" for name, value in sorted(record.hardware.items())),
        revision=_revision(record.code),
        seeds=", ".join(str(seed) for seed in sorted(set(results.stages["seed"]) | set(results.samplings["seed"]))),
    )


def _main_table(
    results: Results, mark: Callable[[str], str], dress: Callable[[str], str]
) -> tuple[list[str], list[list[str]]]:
    ks = sorted({k for group in results.groups for k in results.ks(group)})
    rows = []
    for group in results.groups:
        for checkpoint in results.checkpoints:
            cells = [results.cells.get((group, checkpoint, k)) for k in ks]
            texts = [interval(cell.estimate) if cell else "–" for cell in cells]
            marked = [mark(text) if cell and cell.best else text for cell, text in zip(cells, texts, strict=True)]
            if any(cells):
                rows.append([_group(group, dress), dress(checkpoint), *marked])
    return ["benchmark", "checkpoint", *(f"pass@{k}" for k in ks)], rows


def _group(group: str, dress: Callable[[str], str] = code) -> str:
    return "all together" if group == ALL else dress(group)


def _sizes(results: Results) -> list[str]:
    lines = []
    for benchmark in results.benchmarks:
        own = results.counts[results.counts["benchmark"] == benchmark]
        n = sorted({int(value) for value in own["n"]})
        samples = str(n[0]) if len(n) == 1 else f"{n[0]} to {n[-1]}"
        lines.append(f"{code(benchmark)}: {own['problem'].nunique()} problems, {samples} samples each")
    return lines


def _difference_table(differences: list[Difference]) -> str:
    """A row a pair and benchmark, a column a k; bold where the interval is clear of zero."""
    ks = sorted({d.k for d in differences})
    found = {(d.of, d.to, d.benchmark, d.k): d for d in differences}
    rows = []
    for of, to, group in dict.fromkeys((d.of, d.to, d.benchmark) for d in differences):
        cells = [_signed(found.get((of, to, group, k))) for k in ks]
        rows.append([f"{code(of)} − {code(to)}", _group(group), *cells])
    return table(["difference", "benchmark", *(f"pass@{k}" for k in ks)], rows, left=2) if rows else ""


def _signed(difference: Difference | None) -> str:
    if difference is None:
        return "–"
    text = interval(difference.estimate, signed=True)
    return f"**{text}**" if difference.sign else text


def _transcripts(frame: pd.DataFrame) -> list[dict[str, Any]]:
    parts = [frame[frame["sort"] == sort].head(limit) for sort, limit in SORTS.items()]
    return pd.concat(parts).astype(object).where(lambda part: part.notna(), None).to_dict("records")


def _stage_costs(results: Results) -> str:
    header = [
        "stage",
        "steps",
        "tokens",
        "wall s",
        "generation",
        "experience",
        "training",
        "sync",
        "other",
        "start-up",
    ]
    by_name = results.stages.set_index("name")
    order = [node.name for node in results.graph if node.name in by_name.index]
    rows, totals = [], [0.0] * 8
    for name in order:
        row = by_name.loc[name]
        phases = [float(row[phase]) for phase in PHASES]
        other = float(row["seconds"]) - sum(phase for phase in phases if phase == phase)
        # sft has no phases: all of its time is training
        if all(phase != phase for phase in phases):
            phases[2], other = other, 0.0
        tokens = 0.0 if pd.isna(row["tokens"]) else float(row["tokens"])
        numbers = [tokens, float(row["seconds"]), *phases, other, float(row["startup_seconds"])]
        totals = [total + (number if number == number else 0) for total, number in zip(totals, numbers, strict=True)]
        rows.append([code(name), f"{row['steps']:,}", f"{tokens:,.0f}" if tokens else "–", *map(seconds, numbers[1:])])
    if not rows:
        return ""
    steps = int(by_name.loc[order, "steps"].sum())
    rows.append(["together", f"{steps:,}", f"{totals[0]:,.0f}", *map(seconds, totals[1:])])
    return table(header, rows)


def _sampling_costs(results: Results) -> str:
    place = {name: i for i, name in enumerate(results.checkpoints)}
    frame = results.samplings.sort_values(["checkpoint", "benchmark"], key=lambda c: c.map(lambda v: place.get(v, v)))
    rows = [
        [
            code(row.checkpoint), code(row.benchmark), f"{row.problem_count:,}", f"{row.sample_count:,}",
            f"{row.tokens:,}", f"{row.truncated:.1%}", seconds(row.seconds),
        ]
        for row in frame.itertuples()
    ]  # fmt: skip
    return (
        table(["checkpoint", "benchmark", "problems", "samples", "tokens", "cut off", "wall s"], rows, left=2)
        if rows
        else ""
    )


def _sessions(sessions: list[dict[str, Any]]) -> str:
    rows = []
    for i, session in enumerate(sessions, start=1):
        phases = ", ".join(f"{name} {seconds(value)} s" for name, value in session.get("phases", {}).items())
        rows.append(
            [
                str(i),
                code(str(session.get("started", "–"))),
                seconds(session.get("seconds")),
                inline(phases) or "–",
            ]
        )
    return table(["run", "started", "wall s", "of which"], rows, left=4) if rows else ""


def _hashes(results: Results) -> str:
    keys = results.record.stages
    rows = [["stage", code(node.name), code(keys[node.name])] for node in results.graph if node.name in keys]
    for fingerprint, own in results.stages.groupby("problems", sort=True):
        rows.append(
            [
                "training problems",
                ", ".join(code(name) for name in sorted(own["name"])),
                code(str(fingerprint)),
            ]
        )
    tests = results.samplings[["benchmark", "problems"]].drop_duplicates().sort_values("benchmark")
    rows += [["benchmark problems", code(row.benchmark), code(row.problems)] for row in tests.itertuples(index=False)]
    own = results.samplings.sort_values(["checkpoint", "benchmark"])
    rows += [
        ["samples", f"{code(r.checkpoint)} on {code(r.benchmark)}", code(r.key)] for r in own.itertuples(index=False)
    ]
    return table(["what", "of", "hash"], rows, left=3)


def _revision(made_by: dict[str, Any]) -> str:
    commit = made_by.get("commit")
    if not commit:
        return "not known: the code was not in a git checkout"
    return f"{code(str(commit))}, {'with uncommitted changes' if made_by.get('dirty') else 'clean'}"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
