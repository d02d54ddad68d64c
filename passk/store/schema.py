"""The schema of the store: schema.sql (tables) and views.sql (macros and views), with one version.

The store is an index over files, so it needs no migrations. passk rebuilds a store of an older version from the files,
and refuses a store of a newer version.
"""

from pathlib import Path

import duckdb

from passk.base.errors import PasskError

VERSION = 20
"""Version of the schema. Raise it with every change of a table, macro or view."""
_FILES = ("schema.sql", "views.sql")


class OlderStore(PasskError):
    """A store whose version is older than this passk's."""


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Create all tables, macros and views in an empty store, in one transaction."""
    connection.execute("BEGIN")
    for name in _FILES:
        connection.execute(Path(__file__).with_name(name).read_text())
    connection.execute("INSERT INTO store_version VALUES (?)", [VERSION])
    connection.execute("COMMIT")


def require_current(connection: duckdb.DuckDBPyConnection) -> None:
    """Raise OlderStore for an older version and PasskError for a newer one."""
    version = version_of(connection)
    if version < VERSION:
        raise OlderStore(f"version {version} of the store is older than {VERSION}; run `passk ingest --rebuild`")
    if version > VERSION:
        raise PasskError(
            f"version {version} of the store was made by a newer passk, this one reads version {VERSION}; "
            "update passk, or run `passk ingest --rebuild` with this one"
        )


def version_of(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the version of an open store, 0 if it has none."""
    tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if "store_version" not in tables:
        return 0
    row = connection.execute("SELECT version FROM store_version").fetchone()
    return int(row[0]) if row and row[0] else 0


def columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[str, str]]:
    """Return (name, type) of each column of a table."""
    return connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table]
    ).fetchall()
