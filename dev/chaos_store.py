"""Whether two stores hold the same results: row for row, but for clocks. And what a store held that it has no more."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from passk import store as stores

# Of when and how a run went, and not of what came out.
CLOCKS = ("time", "seconds", "startup_seconds", "sessions", "command", "hardware", "code", "versions", "applied")


# Of each run of the command, of which a run that was killed has more; and how long a stage's start took, which is not
# known where the run that ended it began at its last step.
_SESSIONS = {"costs": "kind <> 'session' AND phase <> 'startup'"}
_RESULTS = {"steps": "stage", "rollouts": "stage", "samples": "evaluation"}
"""table -> column that says of which finished stage or evaluation a row is"""


class Compared(NamedTuple):
    table: str
    rows: int
    rows_undisturbed: int
    apart: int
    """rows that only one of the two has"""


def differences(store: Path, other: Path) -> list[Compared]:
    """Table by table, all numbers to their last digit."""
    rows = []
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{store}' AS one (READ_ONLY); ATTACH '{other}' AS other (READ_ONLY)")
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'one' ORDER BY table_name"
        ).fetchall()
        for (table,) in tables:
            compared, where = ", ".join(_columns(connection, table)), _SESSIONS.get(table, "true")
            sides = [f"SELECT {compared} FROM {side}.{table} WHERE {where}" for side in ("one", "other")]
            apart = f"({sides[0]} EXCEPT ALL {sides[1]}) UNION ALL ({sides[1]} EXCEPT ALL {sides[0]})"
            counts = [connection.execute(f"SELECT count(*) FROM ({query})").fetchone()[0] for query in (*sides, apart)]
            rows.append(Compared(table, *counts))
    return rows


def shown(compared: Sequence[Compared]) -> str:
    """As a markdown table."""
    head = ["", "| table | rows | rows undisturbed | in one of them alone |", "|---|---:|---:|---:|"]
    return "\n".join([*head, *(f"| {' | '.join(map(str, each))} |" for each in compared)])


def finished_rows(store: Path) -> dict[tuple[str, str], int]:
    """(table, stage or evaluation) -> rows that a store has of it. A run that files meanwhile is waited for."""
    with stores.reading(store) as connection:
        return {
            (table, key): count
            for table, column in _RESULTS.items()
            for key, count in connection.execute(f"SELECT {column}, count(*) FROM {table} GROUP BY ALL").fetchall()
        }


def rows_lost(before: Mapping[tuple[str, str], int], after: Mapping[tuple[str, str], int]) -> int:
    return sum(max(0, count - after.get(name, 0)) for name, count in before.items())


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    names = connection.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = 'one' AND table_name = ? ORDER BY column_index",
        [table],
    ).fetchall()
    return [f'"{name}"' for (name,) in names if name not in CLOCKS and not name.startswith("seconds_")]
