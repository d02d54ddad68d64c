"""Files -> store, one transaction a stage or sampling under its natural key.

Twice is once, and readers see all or nothing. Only finished directories go in (manifest.json is there).
DuckDB reads Parquet and JSON lines itself; no row passes through Python.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from passk.errors import PasskError
from passk.layout import (
    METRICS,
    ROLLOUT_COLUMNS,
    SAMPLE_COLUMNS,
    ExperimentRecord,
    SamplingRecord,
    StageRecord,
    is_finished,
)
from passk.store.connection import WAIT, one_line, writing

PROBLEM_COLUMNS = ("id", "prompt", "answer", "verifier", "split", "difficulty", "demonstration", "metadata")
_METRIC_TYPES = {
    "step": "INTEGER", "rule": "VARCHAR", "k": "INTEGER", "tokens": "BIGINT",
    "pass_at_k": "MAP(INTEGER, DOUBLE)", "correct_counts": "INTEGER[]", "reasons": "MAP(VARCHAR, DOUBLE)",
}  # fmt: skip


def ingest_experiment_record(store: Path, directory: Path, wait: float = WAIT) -> None:
    """File experiment.json of an experiment's directory. Raises PasskError naming a file it cannot read."""
    record = _record(directory / "experiment.json", ExperimentRecord)
    with _naming(directory / "experiment.json"), writing(store, wait) as connection:
        connection.execute("DELETE FROM experiments WHERE name = ?", [record.name])
        connection.execute("DELETE FROM experiment_stages WHERE experiment = ?", [record.name])
        row = asdict(record)
        stages = row.pop("stages")
        _insert(connection, "experiments", row)
        for position, (name, key) in enumerate(stages.items()):
            named = {"experiment": record.name, "name": name, "position": position, "stage": key}
            _insert(connection, "experiment_stages", named)


def ingest_problems(store: Path, directory: Path, wait: float = WAIT) -> None:
    """File every problem set of an experiment's directory, each in a transaction of its own."""
    for path in sorted((directory / "problems").glob("*.parquet")):
        ingest_problem_set(store, path, wait)


def ingest_problem_set(store: Path, path: Path, wait: float = WAIT) -> None:
    """File problems/<fingerprint>.parquet. Raises PasskError naming a file that is damaged."""
    with _naming(path), writing(store, wait) as connection:
        connection.execute("DELETE FROM problems WHERE fingerprint = ?", [path.stem])
        connection.execute(
            f"INSERT INTO problems BY NAME SELECT ? AS fingerprint, {', '.join(PROBLEM_COLUMNS)} FROM read_parquet(?)",
            [path.stem, str(path)],
        )


def ingest_stage(store: Path, directory: Path, wait: float = WAIT) -> None:
    """File a finished stage: its record, its steps, its rollouts.

    Raises PasskError naming the directory where it is not finished or a file in it is damaged; nothing of the
    stage is changed then.
    """
    _require_finished(directory, "stage")
    record = _record(directory / "stage.json", StageRecord)
    manifest = _manifest(directory)
    rollouts = [str(path) for path in sorted((directory / "rollouts").glob("step-*.parquet"))]
    with _naming(directory), writing(store, wait) as connection:
        held = connection.execute("SELECT experiment FROM stages WHERE key = ?", [record.key]).fetchone()
        if held and held[0] < record.experiment:
            # Trained by two experiments at once: the first by name is filed, whichever came in first.
            return
        for table, column in (("stages", "key"), ("steps", "stage"), ("rollouts", "stage")):
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", [record.key])
        sealed = {name: manifest.get(name) for name in ("seconds", "startup_seconds")}
        _insert(connection, "stages", asdict(record) | sealed)
        types = ", ".join(f"'{name}': '{_METRIC_TYPES.get(name, 'DOUBLE')}'" for name in METRICS)
        # Should a step be there twice, done again after a stop, the later line is the one that counts.
        connection.execute(
            "INSERT INTO steps BY NAME SELECT ? AS stage, * FROM "
            f"read_json(?, format = 'newline_delimited', columns = {{{types}}}) "
            "QUALIFY row_number() OVER (PARTITION BY step ORDER BY time DESC) = 1 ORDER BY step",
            [record.key, str(directory / "metrics.jsonl")],
        )
        if rollouts:
            connection.execute(
                f"INSERT INTO rollouts BY NAME SELECT ? AS stage, {', '.join(ROLLOUT_COLUMNS)} "
                "FROM read_parquet(?) ORDER BY step, problem, sample",
                [record.key, rollouts],
            )


def ingest_sampling(store: Path, directory: Path, wait: float = WAIT) -> None:
    """File a finished sampling: its record and its samples. Raises PasskError as `ingest_stage` does."""
    _require_finished(directory, "sampling")
    record = _record(directory / "sampling.json", SamplingRecord)
    manifest = _manifest(directory)
    key = [record.experiment, record.key]
    with _naming(directory), writing(store, wait) as connection:
        connection.execute("DELETE FROM samplings WHERE experiment = ? AND key = ?", key)
        connection.execute("DELETE FROM samples WHERE experiment = ? AND sampling = ?", key)
        _insert(connection, "samplings", asdict(record) | {"seconds": manifest.get("seconds")})
        connection.execute(
            f"INSERT INTO samples BY NAME SELECT ? AS experiment, ? AS sampling, {', '.join(SAMPLE_COLUMNS)} "
            "FROM read_parquet(?) ORDER BY problem, sample",
            [*key, str(directory / "samples.parquet")],
        )
        rows, distinct = connection.execute(
            "SELECT count(*), count(DISTINCT (problem, sample)) FROM samples WHERE experiment = ? AND sampling = ?",
            key,
        ).fetchone() or (0, 0)
        if not rows:
            raise PasskError(f"{directory}: a finished sampling without a sample")
        if rows != distinct:
            raise PasskError(f"{directory}: {rows - distinct} samples have the problem and index of another one")


def _insert(connection: duckdb.DuckDBPyConnection, table: str, row: dict[str, Any]) -> None:
    """One row; what has no fixed shape (objects, and the list of sessions) goes in as JSON."""
    values = [
        json.dumps(value, sort_keys=True) if isinstance(value, dict) or name == "sessions" else value
        for name, value in row.items()
    ]
    marks = ", ".join("?" for _ in row)
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", values)


def _require_finished(directory: Path, what: str) -> None:
    if not is_finished(directory):
        raise PasskError(f"{directory}: the {what} is not finished (no manifest.json); run the experiment again")


def _record(path: Path, kind: type[Any]) -> Any:
    try:
        return kind(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise PasskError(f"{path}: no such file") from None
    except (OSError, ValueError, TypeError) as error:
        raise PasskError(f"{path}: not a {kind.__name__}: {' '.join(str(error).split())}") from None


def _manifest(directory: Path) -> dict[str, Any]:
    return _record(directory / "manifest.json", dict)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """What DuckDB says of a damaged file, as one line that names what was being read."""
    try:
        yield
    except duckdb.Error as error:
        raise PasskError(f"{path}: {one_line(error)}") from None
