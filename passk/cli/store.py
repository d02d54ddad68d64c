"""`passk ingest`, `passk sql` and `passk export`: fill, query and export the database."""

import csv
import json
import math
import os
import sys
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from passk.base.errors import ConfigError
from passk.base.terminal import aligned, printable
from passk.cli.listing import Runs
from passk.files import layout

ROWS, CELL = 100, 60
"""Most rows of a table in the terminal, and most characters of a cell."""


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `passk`."""
    for command in (ingest, sql, export):
        app.command()(command)


def ingest(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Rebuild the whole database (default: add new results).")
    ] = False,
    runs: Runs = Path("runs"),
) -> None:
    """Add new results to the database. Damaged files are skipped (exit status 1), unfinished stages left out."""
    from passk import store

    if not runs.is_dir():
        raise ConfigError("runs", f"{runs} is not a directory", "name the directory that contains the runs")
    path = layout.store(runs)
    if rebuild:
        ingested, done = store.rebuild(runs), "rebuilt"
    else:
        ingested = store.ingest_items(path, store.items(runs))
        done = ", ".join(f"{count} {kind}" for kind, count in ingested.new.items()) or "nothing new"
    for line in ingested.unfinished:
        typer.echo(f"left out: {line}", err=True)
    for line in ingested.skipped:
        typer.echo(f"skipped: {line}", err=True)
    typer.echo(f"store: {os.path.relpath(path)}: {done}")
    if ingested.skipped:
        raise typer.Exit(1)


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT statement. docs/store.md describes the tables.")],
    form: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.TABLE,
    runs: Runs = Path("runs"),
) -> None:
    """Run a read-only SQL query on the database and print the result."""
    from passk import store

    if form is Format.PARQUET and sys.stdout.isatty():
        raise ConfigError("format", "parquet is binary and not for a terminal", "redirect it with > FILE")
    result = store.ask(layout.store(runs), query)
    if form is Format.PARQUET:
        import pyarrow.parquet

        pyarrow.parquet.write_table(result.table, sys.stdout.buffer, compression="zstd")
    elif form is Format.CSV:
        shown = printable if sys.stdout.isatty() else str  # a file gets the exact text, a terminal no escape sequence
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(map(shown, result.columns))
        writer.writerows([shown(_text(value)) for value in row] for row in result.rows())
    elif form is Format.JSON:
        sys.stdout.write(as_json(result.columns, result.rows()))
    else:
        typer.echo(as_table(result.columns, result.rows()))


def export(
    directory: Annotated[Path, typer.Argument(help="New or empty directory for the files.")],
    runs: Runs = Path("runs"),
) -> None:
    """Write each table and view of the database as a Parquet file."""
    from passk import store

    names = store.export(layout.store(runs), directory)
    typer.echo(f"{os.path.relpath(directory)}: {len(names)} Parquet files")


def as_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return an aligned table, numbers flush right.

    A cell has at most CELL characters and no control characters, since a model may have written its text.
    """
    cells = [[_cell(value) for value in row] for row in rows[:ROWS]]
    head = [_cell(name) for name in columns]
    number = int | float | Decimal | None
    numeric = {i for i in range(len(head)) if all(isinstance(row[i], number) for row in rows[:ROWS])}
    rule = ["-" * max(map(len, column)) for column in zip(head, *cells, strict=True)]
    lines = aligned([head, rule, *cells], right=numeric)
    count = f"{len(rows):,} row{'' if len(rows) == 1 else 's'}"
    more = f", the first {ROWS} are shown; --format csv prints all" if len(rows) > ROWS else ""
    return "\n".join([*lines, f"({count}{more})"])


def as_json(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a JSON list with one object per row and line. NaN and infinity are null."""
    repeated = sorted({name for name in columns if list(columns).count(name) > 1})
    if repeated:
        raise ConfigError("sql", f"several columns are named {repeated[0]!r}", "rename them with AS")
    objects = [json.dumps(_plain(dict(zip(columns, row, strict=True)))) for row in rows]
    return "[" + ",\n ".join(objects) + "]\n"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = printable(_text(value))
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(_plain(value), ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _plain(value: Any) -> Any:
    """Return the value as types of JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):  # DuckDB's type of sum() over whole numbers
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
