"""Documentation of the store: write the pages docs/store-*.md from the comments of tables, views and macros.

python -m passk.store.describe docs
"""

import sys
from pathlib import Path

import duckdb

from passk.store import schema
from passk.store.export import relations

TRAINING, TABLES, VIEWS = "store-training.md", "store-tables.md", "store-views.md"
_HEADS = {
    TABLES: "# Tables of experiments and evaluations\n\nThe tables of the store that do not belong to a stage.",
    TRAINING: "# Tables of the training\n\nThe tables of the store that describe stages, steps and rollouts.",
    VIEWS: "# Views and macros\n\nViews show the present configuration of an experiment, under its present names.",
}
_GENERATED = "[store.md](store.md) explains the store. This page is generated: `python -m passk.store.describe docs`."
_OF_TRAINING = {"checkpoints", "costs", "groups", "rollouts", "stages", "steps", "training_evaluations"}


def pages() -> dict[str, str]:
    """Return each page by its name: a table of columns for each table and view of a new store, and the macros."""
    parts = {name: [f"{head}\n{_GENERATED}\n"] for name, head in _HEADS.items()}
    with duckdb.connect() as connection:
        schema.create(connection)
        views = {name for (name,) in connection.execute("SELECT view_name FROM duckdb_views()").fetchall()}
        for name, comment in relations(connection):
            page = VIEWS if name in views else TRAINING if name in _OF_TRAINING else TABLES
            parts[page].append(_relation(connection, name, comment))
        macros = connection.execute(
            "SELECT function_name || '(' || array_to_string(parameters, ', ') || ')', comment "
            "FROM duckdb_functions() WHERE NOT internal ORDER BY 1"
        ).fetchall()
    parts[VIEWS] += ["## Macros\n", _table(("macro", "what"), macros)]
    return {name: "\n".join(texts) for name, texts in parts.items()}


def _relation(connection: duckdb.DuckDBPyConnection, name: str, comment: str) -> str:
    columns = connection.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
        [name],
    ).fetchall()
    return f"## {name}\n\n{comment}.\n\n" + _table(("column", "type", "what"), columns)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *((f"`{row[0]}`", *row[1:]) for row in rows)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    for name, text in pages().items():
        (Path(sys.argv[1]) / name).write_text(text)
