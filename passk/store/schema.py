"""The schema of the store: schema.sql (tables) and views.sql (macros and views), with one version.

The store is an index over files, so there are no migrations. A store of an older version is rebuilt from the files,
and one of a newer version is refused.
"""

from pathlib import Path

import duckdb

from passk.base.errors import PasskError

VERSION = 11
"""Raise it with every change of schema.sql or views.sql. Versions 1 to 9 were migrations (table _migrations)."""
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
    found = version_of(connection)
    if found < VERSION:
        raise OlderStore(f"version {found} of the store is older than {VERSION}; run `passk ingest --rebuild`")
    if found > VERSION:
        raise PasskError(
            f"version {found} of the store was made by a newer passk, which knows {VERSION} only; "
            "update passk, or run `passk ingest --rebuild` with this one"
        )


def version_of(connection: duckdb.DuckDBPyConnection) -> int:
    """Version of an open store, 0 where it has none."""
    tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if "store_version" in tables:
        row = connection.execute("SELECT version FROM store_version").fetchone()
    elif "_migrations" in tables:
        row = connection.execute("SELECT max(version) FROM _migrations").fetchone()
    else:
        return 0
    return int(row[0]) if row and row[0] else 0
