"""`passk ingest`, `passk sql`, `passk export`: the store, ingested and asked."""

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

ROWS, CELL = 100, 60
"""rows that a person is shown, and characters of a cell"""
Runs = Annotated[Path, typer.Option(help="directory of all runs")]


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def add_to(app: typer.Typer) -> None:
    """Put the commands of this file on passk's own command line."""
    for command in (ingest, sql, export):
        app.command()(command)


def ingest(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="make the whole store again from the files")] = False,
    runs: Runs = Path("runs"),
) -> None:
    """File what the runs' files have and the store has not; what is damaged is named and skipped: exit status 1."""
    from passk import store

    if not runs.is_dir():
        raise ConfigError(f"runs: {runs} is no directory; name the one that the runs are in")
    path = runs / store.STORE
    if rebuild:
        skipped, done = store.rebuild(runs), "made again"
    else:
        ingested = store.ingest_items(path, store.items(runs))
        skipped = ingested.skipped
        done = ", ".join(f"{count} {kind}" for kind, count in ingested.new.items()) or "nothing new"
    for line in skipped:
        typer.echo(f"skipped: {line}", err=True)
    typer.echo(f"store: {os.path.relpath(path)}: {done}")
    if skipped:
        raise typer.Exit(1)


def sql(
    query: Annotated[str, typer.Argument(help="one SELECT; docs/store.md has the tables")],
    form: Annotated[Format, typer.Option("--format", help="table for people, the others for programs")] = Format.TABLE,
    runs: Runs = Path("runs"),
) -> None:
    """Ask the store, which is read-only here."""
    from passk import store

    if form is Format.PARQUET and sys.stdout.isatty():
        raise ConfigError("format: parquet is not for a terminal; send it to a file with > FILE")
    answer = store.ask(runs / store.STORE, query)
    if form is Format.PARQUET:
        import pyarrow.parquet

        pyarrow.parquet.write_table(answer.table, sys.stdout.buffer, compression="zstd")
    elif form is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows([_text(value) for value in row] for row in answer.rows())
    elif form is Format.JSON:
        sys.stdout.write(as_json(answer.columns, answer.rows()))
    else:
        typer.echo(as_table(answer.columns, answer.rows()))


def export(directory: Annotated[Path, typer.Argument(help="a new or empty one")], runs: Runs = Path("runs")) -> None:
    """Write every table and view of the store as Parquet."""
    from passk import store

    names = store.export(runs / store.STORE, directory)
    typer.echo(f"{os.path.relpath(directory)}: {len(names)} Parquet files")


def as_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Aligned, numbers to the right. A cell is cut at CELL characters and has no control character: its text may be
    a model's."""
    cells = [[_cell(value) for value in row] for row in rows[:ROWS]]
    head = [_cell(name) for name in columns]
    number = int | float | Decimal | None
    numeric = {i for i in range(len(head)) if all(isinstance(row[i], number) for row in rows[:ROWS])}
    rule = ["-" * max(map(len, column)) for column in zip(head, *cells, strict=True)]
    lines = aligned([head, rule, *cells], right=numeric)
    count = f"{len(rows):,} row{'' if len(rows) == 1 else 's'}"
    more = f", of which the first {ROWS} are shown: --format csv has them all" if len(rows) > ROWS else ""
    return "\n".join([*lines, f"({count}{more})"])


def as_json(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A list with an object a row, an object a line; a number that is none (NaN, infinity) is null."""
    twice = sorted({name for name in columns if list(columns).count(name) > 1})
    if twice:
        raise ConfigError(f"sql: several columns are named {twice[0]!r}; name them apart with AS")
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
    """As JSON has it."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):  # as sum() over whole numbers comes from DuckDB
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
