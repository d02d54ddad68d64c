"""Ordered migrations: NNN_name.sql beside this file, each applied with its own record in one transaction.

A migration that a store somewhere has seen is never changed: what comes later is a file with the next number.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from passk.base.errors import PasskError


@dataclass(frozen=True)
class Migration:
    version: int
    name: str
    sql: str


def migrations(directory: Path = Path(__file__).parent) -> list[Migration]:
    """All migrations in order, from 1. Raises PasskError where a number is missing or there twice."""
    found = []
    for expected, path in enumerate(sorted(directory.glob("[0-9]*_*.sql")), start=1):
        number, _, name = path.stem.partition("_")
        if int(number) != expected:
            raise PasskError(f"{path.name}: migration {expected} is missing or there twice")
        found.append(Migration(expected, name, path.read_text()))
    return found


def version_of(connection: duckdb.DuckDBPyConnection) -> int:
    """Version of an open store; 0 for a new, empty one."""
    known = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = '_migrations'").fetchone()
    if known is None:
        return 0
    row = connection.execute("SELECT coalesce(max(version), 0) FROM _migrations").fetchone()
    return int(row[0]) if row else 0


def is_current(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether nothing is left to apply. Raises PasskError for a store that a newer passk made."""
    newest, found = len(migrations()), version_of(connection)
    if found > newest:
        raise PasskError(
            f"the store has version {found}, made by a newer passk; this one knows versions up to {newest}: "
            "update passk, or make the store again from the files with this one's rebuild"
        )
    return found == newest


def apply(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Apply what is pending; returns the names. A failing one leaves the store as the one before it did."""
    if is_current(connection):
        return []
    connection.execute(
        "CREATE TABLE IF NOT EXISTS _migrations "
        "(version INTEGER PRIMARY KEY, name VARCHAR NOT NULL, applied TIMESTAMPTZ NOT NULL DEFAULT now())"
    )
    pending = migrations()[version_of(connection) :]
    for migration in pending:
        connection.execute("BEGIN")
        try:
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO _migrations (version, name) VALUES (?, ?)", [migration.version, migration.name]
            )
        except duckdb.Error:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    return [migration.name for migration in pending]
