"""`passk advantage list` and `show`: all advantage estimators, and the advantages of one over correct rollouts."""

import inspect
import json
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from passk import advantage
from passk.advantage import show, step_size
from passk.advantage.registry import package
from passk.base.errors import ConfigError, PasskError
from passk.base.terminal import aligned

app = typer.Typer(help="List the advantage estimators, or show the advantages of one.", no_args_is_help=True)
HEAD = ("estimator", "k", "needs", "options", "formula", "source", "package")
CHART = 80
"""Columns of a chart if the output is not a terminal."""


@app.command("list")
def list_estimators() -> None:
    """Print each advantage estimator with its k, needs, options, formula and source."""
    typer.echo(listing(cards(), _terminal_width()))


@app.command("show")
def show_estimator(
    name: Annotated[str, typer.Argument(help="Name of the estimator.")],
    n: Annotated[int, typer.Option(help="Rollouts per prompt, N.")] = 32,
    k: Annotated[int | None, typer.Option(help="The k of Pass@k (a Pass@1 estimator needs none).")] = None,
    options: Annotated[str, typer.Option(help="Options of the estimator, as JSON.")] = "{}",
    png: Annotated[Path | None, typer.Option(help="Write the chart to this PNG file instead of the terminal.")] = None,
) -> None:
    """Print and draw the advantages over c, the number of correct rollouts among N (0/1 rewards)."""
    estimator = advantage.get(name)
    if estimator.needs:
        raise ConfigError(
            "advantage",
            f"{name} needs {estimator.needs[0]}, which the number of correct rollouts does not determine",
            f"use passk.advantage.compute({name!r}, rewards, k, {estimator.needs[0]}=...)",
        )
    if n < 1:
        raise ConfigError("n", f"must be 1 or more rollouts, not {n}", "raise it")
    if k is None and estimator.k != "1":
        raise ConfigError("k", f"{name} requires --k", "add it, for example --k 4")
    k = 1 if k is None else k
    settings = advantage.read_options(options, field="options")
    kinds = step_size.kinds(name, n, k, settings)
    totals = step_size.totals(kinds)
    complete = [f"{option} = {_json(value)}" for option, value in advantage.check(name, k, n, settings).items()]
    title = ", ".join([name, f"N = {n}", f"k = {k}", *complete])
    if png is not None:
        try:
            show.png(png, kinds, totals, title, estimator.formula)
        except OSError as error:
            raise ConfigError("png", f"{png}: {error.strerror}", "name a file in an existing directory") from None
    width = _terminal_width()
    typer.echo(f"{title}\n{_about(estimator, max(totals), n, width)}\n\n{show.table(kinds, totals)}\n")
    typer.echo(f"chart: {png}" if png else show.chart(kinds, totals, max(45, width or CHART)))


def cards() -> list[tuple[str, ...]]:
    """Return a row of HEAD for each estimator. One that cannot be loaded has the error in place of its formula."""
    rows = []
    for name in advantage.names():
        origin = package(name) or "passk"
        try:
            estimator = advantage.get(name)
        except PasskError as error:
            rows.append((name, "?", "", "", str(error), "", origin))
            continue
        options = ", ".join(
            f"{option} (required)" if default is inspect.Parameter.empty else f"{option}={_json(default)}"
            for option, default in estimator.options.items()
        )
        rows.append(
            (name, estimator.k, ", ".join(estimator.needs), options, estimator.formula, estimator.source, origin)
        )
    return rows


def listing(rows: list[tuple[str, ...]], width: int | None) -> str:
    """Return one line per estimator if all fit into `width` columns (None: no limit), else one paragraph each."""
    lines = aligned([HEAD, *([cell or "-" for cell in row] for row in rows)])
    if width is None or max(map(len, lines)) <= width:
        return "\n".join(lines)
    indent = max(len(name) for name, *_ in (HEAD, *rows)) + 2
    paragraphs = []
    for name, k, needs, options, formula, source, origin in rows:
        first = [f"k: {k}", needs and f"needs {needs}", options and f"options: {options}"]
        last = [source, origin != "passk" and f"from {origin}"]
        parts = [part for part in ("; ".join(filter(None, first)), formula, "; ".join(filter(None, last))) if part]
        body = [line for part in parts for line in _wrapped(part, width - indent)]
        paragraphs.append("\n".join(f"{name if i == 0 else '':<{indent}}{line}" for i, line in enumerate(body)))
    return "\n".join(paragraphs)


def _about(estimator: advantage.Estimator, peak: float, n: int, width: int | None) -> str:
    how = "" if estimator.counts else "; the mean over random orders of the rollouts is shown"
    lines = [
        f"formula: {estimator.formula or '-'}{how}",
        f"source: {estimator.source or '-'}",
        f"expected gradient, as the {estimator.scale} of A_i grad log p: {estimator.estimates or '-'}",
        f"largest eta: {peak:.4g} (GRPO's: {n})",
    ]
    return "\n".join(part for line in lines for part in _wrapped(line, width, "  "))


def _wrapped(text: str, width: int | None, indent: str = "") -> list[str]:
    if width is None:
        return [indent + text]
    return textwrap.wrap(text, max(30, width), initial_indent=indent, subsequent_indent=2 * indent)


def _terminal_width() -> int | None:
    """Return the columns of the terminal, or None if the output is a file or a pipe, where lines are not wrapped."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
