"""Whether two stores hold the same results: row for row, but for clocks."""

from pathlib import Path

import duckdb

# Of when and how a run went, and not of what came out.
CLOCKS = ("time", "seconds", "startup_seconds", "sessions", "command", "hardware", "code", "versions", "applied")


def differences(store: Path, other: Path) -> list[str]:
    """A markdown row a table: rows in each, and rows that only one of them has; all numbers to their last digit."""
    rows = ["", "| table | rows | rows undisturbed | in one of them alone |", "|---|---:|---:|---:|"]
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{store}' AS one (READ_ONLY); ATTACH '{other}' AS other (READ_ONLY)")
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'one' ORDER BY table_name"
        ).fetchall()
        for (table,) in tables:
            compared = ", ".join(_columns(connection, table))
            sides = [f"SELECT {compared} FROM {side}.{table}" for side in ("one", "other")]
            apart = f"({sides[0]} EXCEPT ALL {sides[1]}) UNION ALL ({sides[1]} EXCEPT ALL {sides[0]})"
            counts = [connection.execute(f"SELECT count(*) FROM ({query})").fetchone()[0] for query in (*sides, apart)]
            rows.append(f"| {table} | {' | '.join(map(str, counts))} |")
    return rows


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    names = connection.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = 'one' AND table_name = ? ORDER BY column_index",
        [table],
    ).fetchall()
    return [f'"{name}"' for (name,) in names if name not in CLOCKS and not name.startswith("seconds_")]
