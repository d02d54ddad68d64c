"""Ingest of the evaluations during a stage's training, from its evaluations.jsonl."""

from pathlib import Path

import duckdb

from passk.files import layout
from passk.files.schema import EVALUATION


def ingest(connection: duckdb.DuckDBPyConnection, stage: str, directory: Path) -> None:
    """Insert the evaluations of a stage: a row for each step, benchmark and k. A stage may have none."""
    file = layout.training_evaluations(directory)
    if not file.exists() or not file.stat().st_size:
        return
    columns = ", ".join(f"'{name}': '{column.type}'" for name, column in EVALUATION.items())
    # Each step and benchmark has one line. Of two lines, which only an edited file has, the later one counts.
    connection.execute(
        "INSERT INTO training_evaluations BY NAME "
        "WITH lines AS ("
        f"    FROM read_json(?, format = 'newline_delimited', columns = {{{columns}}}, hive_partitioning = false)"
        "    QUALIFY row_number() OVER (PARTITION BY step, benchmark ORDER BY time DESC) = 1"
        "), points AS (SELECT *, unnest(map_entries(pass_at_k)) AS point FROM lines) "
        "SELECT ? AS stage, step, benchmark, point.key AS k, point.value.value AS pass_at_k, "
        "       point.value.lower AS lower, point.value.upper AS upper, "
        "       maj_at_k[point.key].value AS maj_at_k, maj_at_k[point.key].lower AS maj_lower, "
        "       maj_at_k[point.key].upper AS maj_upper, samples, "
        "       len(map_keys(correct)) AS problem_count, problems, tokens, truncated, length, seconds, time "
        "FROM points ORDER BY step, benchmark, k",
        [str(file), stage],
    )
