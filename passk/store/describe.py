"""Documentation of the store: write the tables, views and macros in docs/store.md from their comments.

python -m passk.store.describe docs/store.md
"""

import re
import sys
from pathlib import Path

import duckdb

from passk.store import schema
from passk.store.export import relations

_PART = re.compile(r"(<!-- store -->\n).*(<!-- end of store -->)", re.DOTALL)


def markdown() -> str:
    """Return a heading and a table of columns for each table and view of a new store, and a table of the macros."""
    with duckdb.connect() as connection:
        schema.create(connection)
        views = {name for (name,) in connection.execute("SELECT view_name FROM duckdb_views()").fetchall()}
        parts = [_relation(connection, name, comment, name in views) for name, comment in relations(connection)]
        macros = connection.execute(
            "SELECT function_name || '(' || array_to_string(parameters, ', ') || ')', comment "
            "FROM duckdb_functions() WHERE NOT internal ORDER BY 1"
        ).fetchall()
    return "\n".join([*parts, "### Macros\n", _table(("macro", "what"), macros)])


def renewed(document: str) -> str:
    """Return the document with the part between its two marks regenerated."""
    return _PART.sub(lambda part: f"{part[1]}{markdown()}{part[2]}", document)


def _relation(connection: duckdb.DuckDBPyConnection, name: str, comment: str, view: bool) -> str:
    columns = connection.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
        [name],
    ).fetchall()
    title = f"### {name}{' (view)' if view else ''}\n\n{comment}.\n\n"
    return title + _table(("column", "type", "what"), columns)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *((f"`{row[0]}`", *row[1:]) for row in rows)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(renewed(document.read_text()))
