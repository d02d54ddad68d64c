"""Results -> report.md, its HTML twin and figures. The same data give the same bytes: no clock, no unsorted order."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from passk.base.errors import PasskError
from passk.files.layout import BASE
from reports import html
from reports.data import results
from reports.data.comparison import Comparison
from reports.data.markdown import code, fenced, inline, listed, plain_table, table
from reports.data.results import load
from reports.figures import correct_counts, curves, difficulty, pass_at_k
from reports.sections import costs, failures, provenance, solved
from reports.sections.answer import answer
from reports.sections.tables import about_p, difference_table, main_table, seed_table, sizes
from reports.sections.verdicts import verdicts

TEMPLATES = Path(__file__).parent / "templates"
SORTS = {"right": 3, "wrong": 3, "truncated": 2}
FIGURES = {
    "curves": curves.draw,
    "pass_at_k": pass_at_k.draw,
    "difficulty": difficulty.draw,
    "counts": correct_counts.draw,
}
_LONGEST = 100
"""letters of a directory's name"""


def write_report(store: Path, experiment_directory: Path) -> Path:
    """Write report.md, report.html and figures/*.{svg,png} into the experiment's directory; returns report.md's path.

    Reads the store alone; the experiment goes by its directory's name. Raises PasskError where the store
    does not have it.
    """
    name = experiment_directory.name
    return _write(store, Comparison([load(store, name)]), experiment_directory, name)


def compare(store: Path, experiments: Sequence[str], directory: Path | None = None) -> tuple[Path, str]:
    """Compare experiments, or seeds of one, in a report like theirs: the path of its report.md, a terminal's table.

    directory: where it goes; None: comparisons/<their names>/ beside the store's directory. Raises PasskError for
    fewer than two experiments, one named twice, and one that the store does not have.
    """
    names = list(experiments)
    if len(set(names)) < len(names) or len(names) < 2:
        raise PasskError("experiments: name two different ones or more; `passk report NAME` is for one")
    comparison = Comparison([load(store, name) for name in names])
    into = directory or store.resolve().parent.parent / "comparisons" / joined(names)
    path = _write(store, comparison, into, _title(comparison))
    return path, _plain(comparison)


def _title(comparison: Comparison) -> str:
    """maze-k8 (3 seeds) against maze-k4 (3 seeds): the first named is what the others are compared with."""
    labels = [
        f"{comparison.label(design)}{f' ({len(design)} seeds)' if len(design) > 1 else ''}"
        for design in comparison.designs
    ]
    return " against ".join([listed(labels[1:]), labels[0]] if len(labels) > 1 else labels)


def joined(names: Sequence[str]) -> str:
    """A directory's name for a comparison: a+b, and a hash instead of what makes it too long."""
    whole = "+".join(names)
    if len(whole) <= _LONGEST:
        return whole
    return f"{whole[: _LONGEST - 9].rstrip('+')}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def results_table(store: Path, experiment: str) -> str:
    """The main table and the answer, for a terminal."""
    return _plain(Comparison([load(store, experiment)]))


def _plain(comparison: Comparison) -> str:
    lines = "\n".join(answer(comparison))
    if not comparison.groups:
        return lines
    return f"{plain_table(*main_table(comparison, mark=lambda text: f'*{text}', dress=str), left=2)}\n\n{lines}"


def results_rows(store: Path, experiment: str) -> list[dict[str, str]]:
    """The main table, a dictionary a row; empty where nothing has been sampled."""
    comparison = Comparison([load(store, experiment)])
    if not comparison.groups:
        return []
    header, rows = main_table(comparison, mark=lambda text: f"*{text}*", dress=str)
    return [dict(zip(header, row, strict=True)) for row in rows]


def _write(store: Path, comparison: Comparison, directory: Path, title: str) -> Path:
    drawn = {name: draw(comparison, directory / "figures" / name) for name, draw in FIGURES.items()}
    text = render(store, comparison, title, drawn)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "report.md"
    path.write_text(text, encoding="utf-8")
    (directory / "report.html").write_text(html.twin(text, title, directory), encoding="utf-8")
    return path


def render(store: Path, comparison: Comparison, title: str, drawn: dict[str, bool]) -> str:
    """The text of report.md."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    environment.filters |= {"inline": inline, "code": code, "fenced": fenced}
    found, found_p = solved.solved(comparison), comparison.p_values
    shown = _transcripts(store, comparison)
    # of a design's seeds some may have failed, or be on their way
    sampled = [len(own) for entry in comparison.sampled for group in comparison.groups if (own := entry.sampled(group))]
    trained = [len(own) for entry in comparison.entries if entry.kind == "rl" and (own := curves.steps_of(entry))]
    return environment.get_template("report.md.j2").render(
        title=title,
        questions=_questions(comparison),
        answer=answer(comparison, code),
        drawn=drawn,
        main=_main(comparison, comparison.groups[:1]),
        main_by_benchmark=_main(comparison, comparison.groups[1:]),
        sizes=sizes(comparison),
        seeds=max(sampled, default=1),
        lone=min(sampled, default=1) == 1,
        trained_seeds=max(trained, default=1),
        lone_line=min(trained, default=1) == 1,
        experiments=_experiments(comparison),
        methods=[(c.entry.label, c.method.recipe, c.method.warm_start) for c in comparison.trained_methods],
        differences=difference_table([d for d in found_p if d.benchmark in comparison.groups[:1]], found_p),
        differences_by_benchmark=difference_table(
            [d for d in found_p if d.benchmark in comparison.groups[1:]], found_p
        ),
        about_p=about_p(found_p),
        several_checkpoints=len(comparison.sampled) > 1,
        trained=any(run.graph for run in comparison.results),
        bases=_bases(comparison),
        each_seed=seed_table(comparison),
        ends=listed([f"pass@{k}" for k in comparison.ends(comparison.groups[0])]) if comparison.groups else "",
        runs=len(comparison.results),
        gpus=any(costs.gpus(run) for run in comparison.results),
        solved=solved.counts_table(found) if found else "",
        solved_problems=solved.problems_table(found),
        verdicts=verdicts(comparison),
        transcripts_of=shown[0],
        transcripts=shown[1],
        truncated=any(sample["sort"] == "truncated" for sample in shown[1]),
        elsewhere=any(len(run.trained_elsewhere) for run in comparison.results),
        stage_costs=costs.stages(comparison),
        sampling_costs=costs.evaluations(comparison),
        wall_clock=costs.wall_clock(comparison),
        sessions=costs.sessions(comparison),
        failures=failures.failures(comparison),
        attempts=failures.attempts(comparison),
        interruptions=failures.interruptions(comparison),
        facts=provenance.facts(comparison),
        hashes=provenance.hashes(comparison),
        configurations=provenance.configurations(comparison),
        commands=provenance.commands(comparison),
    )


def _questions(comparison: Comparison) -> list[tuple[str, str]]:
    """(experiments that ask it, question); no names where all ask the same."""
    asked: dict[str, list[str]] = {}
    for run in comparison.results:
        asked.setdefault(run.record.question, []).append(code(run.name))
    return [(listed(names) if len(asked) > 1 else "", question) for question, names in asked.items()]


def _main(comparison: Comparison, groups: Sequence[str]) -> str:
    """The main table's part on some groups; empty for none."""
    return table(*main_table(comparison, lambda text: f"**{text}**", code, groups), left=2) if groups else ""


def _experiments(comparison: Comparison) -> str:
    """Which experiments are compared; empty for one."""
    if len(comparison.results) == 1:
        return ""
    rows = [
        [code(run.name), code(comparison.label(design)), str(run.seed if run.seed is not None else "–")]
        for design in comparison.designs
        for run in design
    ]
    return table(["experiment", "design", "seed"], rows, left=2)


def _bases(comparison: Comparison) -> list[tuple[str, str]]:
    """(label, model) of the models that were sampled as they came."""
    entries = [entry for entry in comparison.sampled if entry.kind == BASE]
    models = [(entry.runs[0].record.config.get("model") or {}).get("path") for entry in entries]
    return [(entry.label, model) for entry, model in zip(entries, models, strict=True) if model]


def _transcripts(store: Path, comparison: Comparison) -> tuple[str, list[dict[str, Any]]]:
    """Whose samples are shown, the method's if there is one, and some of each sort."""
    methods = [of for of, _ in comparison.comparisons] + [trained.entry for trained in comparison.trained_methods]
    sampled = [entry for entry in (*methods, *comparison.sampled) if entry in comparison.sampled]
    if not sampled:
        return "", []
    entry = sampled[0]
    run = next(run for run in entry.runs if entry.checkpoint in run.checkpoints)
    frame = results.transcripts(store, run.name, entry.checkpoint)
    parts = [frame[frame["sort"] == sort].head(limit) for sort, limit in SORTS.items()]
    shown = pd.concat(parts).astype(object).where(lambda part: part.notna(), None).to_dict("records")
    whose = code(entry.label) + (f" of {code(run.name)}" if len(comparison.results) > 1 else "")
    return whose, shown
