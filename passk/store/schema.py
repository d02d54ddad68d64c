"""The schema of the store, with one version: tables (schema.sql, and those of passk/files/schema.py), macros and views.

The store is an index over files, so it needs no migrations. passk rebuilds a store of an older version from the files,
and refuses a store of a newer version.
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from passk.base.errors import PasskError
from passk.files.schema import METRICS, ROLLOUT_COLUMNS, SAMPLE_COLUMNS, Column

VERSION = 22
"""Version of the schema. Raise it with every change of a table, macro or view."""
_STAGE = Column("VARCHAR NOT NULL", "stages.key")
_OCCURRENCE = Column(
    "INTEGER NOT NULL",
    "1; counts up if a step has the problem more than once, for example at the end of an epoch",
)
_SAMPLED = {
    "experiment": Column("VARCHAR NOT NULL", "experiments.name"),
    "evaluation": Column("VARCHAR NOT NULL", "evaluations.key"),
}
_TABLES = {
    "steps": ("A training step: a line of metrics.jsonl. Key: stage, step", {"stage": _STAGE} | METRICS),
    "rollouts": (
        "A rollout of training. Key: stage, step, problem, occurrence, sample (not indexed)",
        {"stage": _STAGE} | ROLLOUT_COLUMNS | {"occurrence": _OCCURRENCE},
    ),
    "samples": (
        "A response of an evaluation. Key: experiment, evaluation, problem, sample (not indexed)",
        _SAMPLED | SAMPLE_COLUMNS,
    ),
}
"""Table -> its meaning and its columns: those of a file, and the keys of the stage or the evaluation."""


class OlderStore(PasskError):
    """A store whose version is older than this passk's."""


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Create all tables, macros and views in an empty store, in one transaction."""
    connection.execute("BEGIN")
    connection.execute(_sql("schema.sql"))
    for name, (meaning, columns) in _TABLES.items():
        _create(connection, name, meaning, columns)
    connection.execute("ALTER TABLE steps ADD PRIMARY KEY (stage, step)")
    connection.execute(_sql("views.sql"))
    connection.execute("INSERT INTO store_version VALUES (?)", [VERSION])
    connection.execute("COMMIT")


def _sql(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _create(connection: duckdb.DuckDBPyConnection, table: str, meaning: str, columns: Mapping[str, Column]) -> None:
    typed = ", ".join(f'"{name}" {column.type}' for name, column in columns.items())
    connection.execute(f"CREATE TABLE {table} ({typed})")
    connection.execute(f"COMMENT ON TABLE {table} IS {_quoted(meaning)}")
    for name, column in columns.items():
        connection.execute(f'COMMENT ON COLUMN {table}."{name}" IS {_quoted(column.meaning)}')


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


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
