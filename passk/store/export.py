"""Export of the store to Parquet, for tools without this version of DuckDB."""

from pathlib import Path

import duckdb

from passk.base.errors import ConfigError, PasskError
from passk.files import durable, scratch
from passk.store.connection import WAIT, one_line
from passk.store.index import reading


def export(store: Path, directory: Path, wait: float = WAIT) -> list[str]:
    """Write every table and view to `directory`/<name>.parquet, all or nothing, and return the names.

    Raises ConfigError if the directory is not empty, PasskError if it cannot be written.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigError("directory", f"{directory} exists and is not empty", "choose a new one")
    with reading(store, wait) as connection:
        names = [name for name, _ in relations(connection)]
        try:
            with scratch.beside(directory) as temporary:
                for name in names:
                    path = str(temporary / f"{name}.parquet").replace("'", "''")
                    connection.execute(f"COPY (FROM {name}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
                durable.move(temporary, directory)
        except (OSError, duckdb.Error) as error:
            raise PasskError(f"{directory}: {one_line(error)}") from None
    return names


def relations(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Return (name, comment) of every table, then of every view."""
    return connection.execute(
        "SELECT table_name, comment FROM (SELECT table_name, comment, 1 AS place FROM duckdb_tables() "
        "WHERE NOT internal "
        "UNION ALL SELECT view_name, comment, 2 FROM duckdb_views() WHERE NOT internal) ORDER BY place, table_name"
    ).fetchall()
