"""Artifacts of a run in Prefect's UI: progress, steps, results and the report.

An artifact that cannot be written is logged and skipped, so it never ends a training run.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.logging import get_run_logger

from passk.base.redact import hidden
from passk.experiment.plan import PlannedStage
from passk.files import layout
from passk.files.metrics_log import read_metrics
from reports.data.markdown import code, fenced, table

ROWS = 12
LOG_LINES = 40
# Prefect stores artifacts in its database and sends them to the browser as a whole.
LARGEST_FIGURES = 2 * 2**20
FILES = (layout.stage_record, layout.metrics, layout.rollouts, layout.model, layout.log)
# A line of a paragraph, not of a heading, table, list, fence, figure or indented code.
_PROSE = re.compile(r"(?![#|>!\s]|- |\d+\. |`{3}).")
# A line with one of the report's figures, as in reports/html.py. The surrounding link to the SVG file is dropped, since
# it has no target in the UI.
_FIGURE = re.compile(r"\[?(!\[[^]]*\])\((figures/[a-z_]+\.png)\)(?:\]\(figures/[a-z_]+\.svg\))?")


def key(*words: str) -> str:
    """Return the key of an artifact; Prefect allows only small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")


class StageView:
    """A stage in the UI: a progress bar, and a page with its latest steps and the paths of its files."""

    def __init__(self, planned: PlannedStage) -> None:
        self._planned = planned
        self._logger = get_run_logger()
        self._bar = self._page = None
        name, words = planned.record.name, (planned.record.experiment, planned.record.name)
        with _optional():
            self._bar = create_progress_artifact(0.0, key=key(*words, "progress"), description=f"{name}: starts")
            self._page = create_markdown_artifact(
                stage_page(planned), key=key(*words, "steps"), description=f"{planned.record.experiment}, stage {name}"
            )

    def show(self, level: int, line: str) -> None:
        """Log a line and show it in the UI."""
        self._logger.log(level, line)
        done = steps_done(self._planned)
        if self._bar and self._page:
            with _optional():
                percent = 100 * done / self._planned.steps
                update_progress_artifact(self._bar, percent, description=line)
                _rewrite(self._page, stage_page(self._planned, line))

    def failed(self, reason: str) -> None:
        """Show the reason of a failure and the end of the stage's log."""
        if self._page:
            with _optional():
                log = fenced(_tail(layout.log(self._planned.directory)), 12_000, LOG_LINES)
                _rewrite(self._page, f"{stage_page(self._planned, f'failed: {reason}')}\n\nThe log ends:\n\n{log}")


def steps_done(planned: PlannedStage) -> int:
    """Return the last recorded step of a stage."""
    return max((line["step"] for line in _metrics(planned)), default=0)


def stage_page(planned: PlannedStage, line: str = "") -> str:
    """Return a page in Markdown with a stage's progress, its latest steps and its files."""
    record, files = planned.record, [of(planned.directory) for of in FILES]
    parts = [
        f"# {code(record.experiment)}, stage {code(record.name)}",
        code(line) if line else "",
        _steps(_metrics(planned)[-ROWS:]),
        _evaluations(read_metrics(layout.training_evaluations(planned.directory))),
        table(["file", "where"], [[file.name, code(str(file))] for file in files], left=2),
    ]
    return "\n\n".join(part for part in parts if part)


def results(experiment: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Show the table of results: pass@k of every checkpoint on every benchmark."""
    with _optional():
        create_table_artifact(
            [dict(row) for row in rows], key=key(experiment, "results"), description=f"{experiment}: pass@k"
        )


def report(experiment: str, file: Path) -> None:
    """Show the report with embedded figures, since the UI loads no files."""
    with _optional():
        create_markdown_artifact(
            _with_figures(file), key=key(experiment, "report"), description=f"{experiment}: the report"
        )


def sweep(name: str, outcomes: Mapping[str, str], runs: Path) -> None:
    """Show each experiment of a sweep with its outcome and the path of its report."""
    runs = runs.resolve()
    rows = [
        {"experiment": experiment, "outcome": hidden(outcome), "report": str(layout.report(runs / experiment))}
        for experiment, outcome in outcomes.items()
    ]
    with _optional():
        create_table_artifact(rows, key=key(name, "sweep"), description="experiments of the sweep")


@contextmanager
def _optional() -> Iterator[None]:
    """Log any error of the block instead of raising it, so that it does not end hours of training."""
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {hidden(str(error))}"
        get_run_logger().warning("an artifact was not written (%s); the run continues", reason)


def _rewrite(page: Any, markdown: str) -> None:
    """Update an artifact in place, since a new version every few seconds would fill the server's database."""
    with get_client(sync_client=True) as client:
        client.update_artifact(page, ArtifactUpdate(data=markdown))


def _metrics(planned: PlannedStage) -> list[dict[str, Any]]:
    return read_metrics(layout.metrics(planned.directory))


def _steps(lines: list[dict[str, Any]]) -> str:
    if not lines:
        return ""
    if "reward" not in lines[-1]:
        rows = [[str(line["step"]), f"{line['loss']:.4f}", f"{line['seconds']:.2f}"] for line in lines]
        return table(["step", "loss", "s"], rows, left=0)
    # If k changes, steps differ in their values of k beside the powers of two.
    ks = sorted({k for line in lines for k in line["pass_at_k"]}, key=int)
    rows = [
        [
            *(str(line["step"]), str(line["k"]), f"{line['reward']:.4f}"),
            *(f"{line['pass_at_k'][k]:.4f}" if k in line["pass_at_k"] else "–" for k in ks),
            f"{line['seconds']:.2f}",
        ]
        for line in lines
    ]
    return table(["step", "k", "reward", *(f"pass@{k}" for k in ks), "s"], rows, left=0)


def _evaluations(lines: list[dict[str, Any]]) -> str:
    """Return a table of the held-out evaluations during the training, the latest ROWS of them."""
    named = {"pass": "pass_at_k", "maj": "maj_at_k"}  # an earlier passk wrote no maj@k
    columns = [
        (name, field, k)
        for name, field in named.items()
        for k in sorted({k for line in lines for k in line.get(field, {})}, key=int)
    ]
    rows = [
        [
            *(str(line["step"]), code(line["benchmark"])),
            *(_value(line.get(field, {}).get(k)) for _, field, k in columns),
        ]
        for line in lines[-ROWS:]
    ]
    header = ["step", "held-out benchmark", *(f"{name}@{k}" for name, _, k in columns)]
    return table(header, rows, left=2) if rows else ""


def _value(estimate: dict[str, float] | None) -> str:
    return f"{estimate['value']:.4f} [{estimate['lower']:.4f}, {estimate['upper']:.4f}]" if estimate else "–"


def _tail(log: Path) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 2**16))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-LOG_LINES:])


def unwrapped(markdown: str) -> str:
    """Return the Markdown with each paragraph on one line, since the UI shows a line end as the end of a paragraph."""
    lines = [""]
    for line, inside in _with_fences(markdown):
        if not inside and _PROSE.match(line) and _PROSE.match(lines[-1]):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return "\n".join(lines[1:]) + "\n"


def _with_fences(markdown: str) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it belongs to a fenced block or is a fence."""
    fence = ""
    for line in markdown.splitlines():
        opens = re.match(r"`{3,}", line)
        yield line, bool(fence or opens)
        if opens and not fence:
            fence = opens[0]
        elif fence and line.rstrip() == fence:
            fence = ""


def _with_figures(report: Path) -> str:
    lines = [
        (line, None if inside else _FIGURE.fullmatch(line))
        for line, inside in _with_fences(unwrapped(report.read_text()))
    ]
    figures = {match[2]: (report.parent / match[2]).read_bytes() for _, match in lines if match}
    small = sum(map(len, figures.values())) <= LARGEST_FIGURES

    def shown(line: str, match: re.Match[str] | None) -> str:
        if not match or not small:
            return line
        return f"{match[1]}(data:image/png;base64,{base64.b64encode(figures[match[2]]).decode()})"

    return "\n".join(shown(line, match) for line, match in lines) + "\n"
