"""Write report.md, its HTML copy and the figures from the results in the store.

The same data give the same bytes: no text depends on a clock or on the order of a set.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from passk.base.errors import PasskError
from passk.files import durable, layout
from passk.files.layout import BASE
from reports import html
from reports.data import results
from reports.data.comparison import Comparison
from reports.data.designs import steps_of
from reports.data.markdown import code, fenced, inline, listed, plain_table, table
from reports.data.results import load
from reports.figures import correct_counts, curves, difficulty, evaluation_curve, frontier, pass_at_k
from reports.sections import costs, failures, health, provenance, solved
from reports.sections.above_reference import above_reference, above_sentences, above_table
from reports.sections.answer import answer
from reports.sections.checkpoints import about_rows, checkpoint_table
from reports.sections.further import field_tables, metric_tables
from reports.sections.recipes import recipes
from reports.sections.settings import settings_table
from reports.sections.tables import about_p, about_top_p, difference_table, main_table, seed_table, sizes
from reports.sections.verdicts import verdicts

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).parent / "templates"
SORTS = {"correct": 3, "incorrect": 3, "truncated": 2}
"""Kind of sample -> the number of samples in a report."""
FIGURES = {
    "curves": curves.draw,
    "frontier": frontier.draw,
    "pass_at_k": pass_at_k.draw,
    "difficulty": difficulty.draw,
    "counts": correct_counts.draw,
    "evaluation_curve": evaluation_curve.draw,
}
_LONGEST = 100
"""Characters of a directory's name."""


def write_report(store: Path, experiment_directory: Path) -> Path:
    """Write report.md, report.html and figures/*.{svg,png} into the experiment's directory; return report.md's path.

    The directory's name is the name of the experiment. The report uses only the store.
    Raises PasskError if the store does not have the experiment.
    """
    name = experiment_directory.name
    return _write(store, Comparison([load(store, name)]), experiment_directory, name)


def compare(store: Path, experiments: Sequence[str], directory: Path | None = None) -> tuple[Path, str]:
    """Write a report that compares experiments or seeds; return the path of its report.md and a table for a terminal.

    directory: of the report; None: comparisons/<names of the experiments>/ beside the store's directory.
    Raises PasskError for fewer than two experiments, a repeated name, and an experiment that the store does not have.
    """
    names = list(experiments)
    if len(set(names)) < len(names) or len(names) < 2:
        raise PasskError("experiments: fewer than two different names; add one, or use `passk report NAME` for one")
    comparison = Comparison([load(store, name) for name in names])
    target = directory or layout.comparisons(store.resolve().parent.parent) / joined(names)
    path = _write(store, comparison, target, _title(comparison))
    return path, _plain(comparison)


def _title(comparison: Comparison) -> str:
    """Return the title, such as maze-k8 (3 seeds) against maze-k4 (3 seeds). The first design stands last."""
    labels = [
        f"{comparison.label(design)}{f' ({len(design)} seeds)' if len(design) > 1 else ''}"
        for design in comparison.designs
    ]
    return " against ".join([listed(labels[1:]), labels[0]] if len(labels) > 1 else labels)


def joined(names: Sequence[str]) -> str:
    """Return the directory's name of a comparison, such as a+b. A hash replaces the end of a long name."""
    whole = "+".join(names)
    if len(whole) <= _LONGEST:
        return whole
    return f"{whole[: _LONGEST - 9].rstrip('+')}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def results_table(store: Path, experiment: str) -> str:
    """Return the main table and the answer for a terminal."""
    return _plain(Comparison([load(store, experiment)]))


def _plain(comparison: Comparison) -> str:
    lines = "\n".join(_answer(comparison, str))
    if not comparison.groups:
        return lines
    return f"{plain_table(*main_table(comparison, mark=lambda text: f'*{text}', dress=str), left=2)}\n\n{lines}"


def _answer(comparison: Comparison, name: Callable[[str], str]) -> list[str]:
    """Return the sentences of the answer, then those on the runs above a reference line."""
    return answer(comparison, name) + above_sentences(above_reference(comparison), name)


def results_rows(store: Path, experiment: str) -> list[dict[str, str]]:
    """Return the rows of the main table as dictionaries; empty without an evaluation."""
    comparison = Comparison([load(store, experiment)])
    if not comparison.groups:
        return []
    header, rows = main_table(comparison, mark=lambda text: f"*{text}*", dress=str)
    return [dict(zip(header, row, strict=True)) for row in rows]


def _write(store: Path, comparison: Comparison, directory: Path, title: str) -> Path:
    drawn = {name: draw(comparison, layout.figures(directory) / name) for name, draw in FIGURES.items()}
    text = render(store, comparison, title, drawn)
    path = layout.report(directory)
    durable.write_text(path, text)
    durable.write_text(layout.report_page(directory), html.twin(text, title, directory))
    return path


@cache
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    environment.filters |= {"inline": inline, "code": code, "fenced": fenced}
    return environment.get_template("report.md.j2")


def render(store: Path, comparison: Comparison, title: str, drawn: dict[str, bool]) -> str:
    """Return the text of report.md."""
    solved_by, differences, p_values = solved.solved(comparison), comparison.differences, comparison.p_values
    transcripts_of, transcripts = _transcripts(store, comparison)
    # some seeds of a design may have failed or may be unfinished
    sampled = [
        len(runs) for entry in comparison.sampled for group in comparison.groups if (runs := entry.sampled(group))
    ]
    trained = [len(frames) for entry in comparison.entries if entry.kind == "rl" and (frames := steps_of(entry))]
    return _template().render(
        title=title,
        rehearsals=listed(
            [code(run.record.config["rehearses"]) for run in comparison.results if run.record.config.get("rehearses")]
        ),
        questions=_questions(comparison),
        answer=_answer(comparison, code),
        drawn=drawn,
        main=_main(comparison, comparison.groups[:1]),
        main_by_benchmark=_main(comparison, comparison.groups[1:]),
        sizes=sizes(comparison),
        about_top_p=about_top_p(comparison),
        about_rows=about_rows(comparison),
        checkpoint_table=checkpoint_table(comparison),
        best=any(cell.best for cell in comparison.cells.values()),
        seeds=max(sampled, default=1),
        lone=min(sampled, default=1) == 1,
        references=evaluation_curve.references(comparison),
        curve_seeds=evaluation_curve.seeds(comparison),
        majorities=any(panel.metric == "maj" for row in evaluation_curve.panels(comparison) for panel in row),
        trained_seeds=max(trained, default=1),
        lone_line=min(trained, default=1) == 1,
        experiments=_experiments(comparison),
        methods=recipes(comparison),
        differences=difference_table([d for d in differences if d.benchmark in comparison.groups[:1]], p_values),
        differences_by_benchmark=difference_table(
            [d for d in differences if d.benchmark in comparison.groups[1:]], p_values
        ),
        about_p=about_p(p_values),
        trained=any(run.graph for run in comparison.results),
        bases=_bases(comparison),
        each_seed=seed_table(comparison),
        settings=settings_table(comparison),
        above_reference=above_table(above_reference(comparison)),
        metric_tables=metric_tables(comparison),
        field_tables=field_tables(comparison),
        ends=listed([f"pass@{k}" for k in comparison.ends(comparison.groups[0])]) if comparison.groups else "",
        runs=len(comparison.results),
        gpus=any(costs.gpus(run) for run in comparison.results),
        solved=solved.counts_table(solved_by) if solved_by else "",
        solved_problems=solved.problems_table(solved_by),
        verdicts=verdicts(comparison),
        health=health.health(comparison),
        never_clipped=health.never_clipped(comparison),
        transcripts_of=transcripts_of,
        transcripts=transcripts,
        truncated=any(sample["sort"] == "truncated" for sample in transcripts),
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
    """Return (names of the experiments, question); the names are empty if all experiments have the same question."""
    names_of: dict[str, list[str]] = {}
    for run in comparison.results:
        names_of.setdefault(run.record.question, []).append(code(run.name))
    return [(listed(names) if len(names_of) > 1 else "", question) for question, names in names_of.items()]


def _main(comparison: Comparison, groups: Sequence[str]) -> str:
    """Return the main table's rows of some groups; empty without groups."""
    return table(*main_table(comparison, lambda text: f"**{text}**", code, groups), left=2) if groups else ""


def _experiments(comparison: Comparison) -> str:
    """Return the table of the compared experiments; empty for one experiment."""
    if len(comparison.results) == 1:
        return ""
    rows = [
        [code(run.name), code(comparison.label(design)), str(run.seed if run.seed is not None else "–")]
        for design in comparison.designs
        for run in design
    ]
    return table(["experiment", "design", "seed"], rows, left=2)


def _bases(comparison: Comparison) -> list[tuple[str, str]]:
    """Return (label, model) of each evaluated base model."""
    entries = [entry for entry in comparison.sampled if entry.kind == BASE]
    models = [_base(entry.runs[0].record.config) for entry in entries]
    return [(entry.label, model) for entry, model in zip(entries, models, strict=True) if model]


def _base(config: dict[str, Any]) -> str | None:
    """Return the model before the first stage, with the endpoint that has it."""
    if engine := config.get("engine"):
        return f"{engine['model']} of {engine['url']}"
    return (config.get("model") or {}).get("path")


def _transcripts(store: Path, comparison: Comparison) -> tuple[str, list[dict[str, Any]]]:
    """Return the checkpoint whose samples the report shows, and some samples of each sort.

    A compared method comes first, then a trained method, then any evaluated checkpoint.
    """
    methods = [of for of, _ in comparison.comparisons] + [trained.entry for trained in comparison.trained_methods]
    sampled = [entry for entry in (*methods, *comparison.sampled) if entry in comparison.sampled]
    if not sampled:
        return "", []
    entry = sampled[0]
    run = next(run for run in entry.runs if entry.checkpoint in run.checkpoints)
    frame = results.transcripts(store, run.name, entry.checkpoint)
    parts = [frame[frame["sort"] == sort].head(limit) for sort, limit in SORTS.items()]
    shown = pd.concat(parts).astype(object).where(lambda part: part.notna(), None).to_dict("records")
    name = code(entry.label) + (f" of {code(run.name)}" if len(comparison.results) > 1 else "")
    return name, shown
