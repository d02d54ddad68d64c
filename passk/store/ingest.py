"""Files -> store, one transaction an item: an experiment's record, a set of problems, a stage, an evaluation.

Each goes in under its natural key: twice is once, and readers see all or nothing. Only finished directories go in
(manifest.json is there), and of those only whole ones. DuckDB reads Parquet and JSON lines itself; no row passes
through Python.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_origin

import duckdb

from passk.base.errors import PasskError
from passk.base.redact import without_secrets
from passk.files.durable import FULL
from passk.files.layout import (
    METRICS,
    ROLLOUT_COLUMNS,
    SAMPLE_COLUMNS,
    EvaluationRecord,
    ExperimentRecord,
    StageRecord,
    is_finished,
)
from passk.store import derived
from passk.store.connection import WAIT, one_line, transaction, turn

PROBLEM_COLUMNS = ("id", "prompt", "answer", "verifier", "split", "difficulty", "demonstration", "metadata")
METRIC_TYPES = {
    "step": "INTEGER", "estimator": "VARCHAR", "k": "INTEGER", "tokens": "BIGINT",
    "pass_at_k": "MAP(INTEGER, DOUBLE)", "correct_counts": "INTEGER[]", "reasons": "MAP(VARCHAR, DOUBLE)",
}  # fmt: skip
PARQUET = "read_parquet(?, hive_partitioning = false)"
"""Without partitions: a directory of runs may be named x=1, and DuckDB would make a column of it."""


class Damaged(PasskError):
    """A file or directory that cannot be filed: unfinished, cut off, or not what it should be."""


RESTORE = "restore it from a copy, or delete its directory and run the experiment again"
RESTORE_EXPERIMENT = "restore it from a copy, or delete it: the next run writes it again without its earlier sessions"
STAGE_TABLES = {
    "stages": "key", "steps": "stage", "rollouts": "stage", "groups": "stage", "checkpoints": "stage"
}  # fmt: skip
"""table -> its column with the stage's key; `costs`, which others share, are derived's"""
EVALUATION_TABLES = {"evaluations": "key", "samples": "evaluation", "evaluation_counts": "evaluation"}


UNREADABLE = (OSError, ValueError, TypeError, RecursionError)
"""What reading a damaged JSON record raises."""

Item = tuple[Callable[[duckdb.DuckDBPyConnection, Path], None], Path]
"""one of `experiment_record`, `problem_set`, `stage` and `evaluation`, and the file or directory that it files"""

STORE_FAILS = (duckdb.IOException, duckdb.TransactionException, duckdb.OutOfMemoryException, duckdb.FatalException)
"""what DuckDB raises when it can write no more, and, naming the file, when it cannot read one"""


def ingest(connection: duckdb.DuckDBPyConnection, item: Item) -> None:
    """File one item by one transaction; nothing is changed where it fails.

    Raises Damaged, naming the file; PasskError where it is the store that fails, on a full disk for one.
    """
    take, path = item
    try:
        with transaction(connection):
            take(connection, path)
    except duckdb.Error as error:
        of_the_store = isinstance(error, STORE_FAILS) and not _names(error, path)
        raise (PasskError if of_the_store else Damaged)(f"{path}: {one_line(error)}") from None
    except UnicodeError:  # DuckDB's own message repeats a column's name; a record's text may have half a character
        raise Damaged(f"{path}: damaged, a text in it is not UTF-8; {RESTORE}") from None
    except OSError as error:
        raise (PasskError if error.errno in FULL else Damaged)(f"{path}: {error.strerror}") from None


def ingest_experiment_record(store: Path, directory: Path, wait: float = WAIT) -> None:
    """File experiment.json of an experiment's directory. Raises Damaged naming a file it cannot read."""
    with turn(store, wait) as connection:
        ingest(connection, (experiment_record, directory))


def ingest_problems(store: Path, directory: Path, wait: float = WAIT) -> None:
    """File every problem set of an experiment's directory. Raises Damaged naming a file that is damaged."""
    with turn(store, wait) as connection:
        for path in sorted((directory / "problems").glob("*.parquet")):
            ingest(connection, (problem_set, path))


def ingest_stage(store: Path, directory: Path, wait: float = WAIT) -> None:
    """File a finished stage: its record, its steps, its rollouts, and what follows from them.

    Raises Damaged naming the directory where it is not finished or a file in it is damaged; nothing of the
    stage is changed then.
    """
    with turn(store, wait) as connection:
        ingest(connection, (stage, directory))


def ingest_evaluation(store: Path, directory: Path, wait: float = WAIT) -> None:
    """File a finished evaluation: its record and its samples. Raises Damaged as `ingest_stage` does."""
    with turn(store, wait) as connection:
        ingest(connection, (evaluation, directory))


def experiment_record(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """experiment.json; its failures and sessions change from run to run."""
    record = record_of(directory / "experiment.json", ExperimentRecord)
    connection.execute("DELETE FROM experiments WHERE name = ?", [record.name])
    connection.execute("DELETE FROM experiment_stages WHERE experiment = ?", [record.name])
    row = asdict(record)
    stages = row.pop("stages")
    _insert(connection, "experiments", row)
    for position, (name, key) in enumerate(stages.items()):
        named = {"experiment": record.name, "name": name, "position": position, "stage": key}
        _insert(connection, "experiment_stages", named)
    derived.of_experiment(connection, record.name)


def problem_set(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """problems/<fingerprint>.parquet."""
    connection.execute("DELETE FROM problems WHERE fingerprint = ?", [path.stem])
    connection.execute(
        f"INSERT INTO problems BY NAME SELECT ? AS fingerprint, {', '.join(PROBLEM_COLUMNS)} FROM {PARQUET}",
        [path.stem, str(path)],
    )
    rows, distinct = connection.execute(
        "SELECT count(*), count(DISTINCT id) FROM problems WHERE fingerprint = ?", [path.stem]
    ).fetchone() or (0, 0)
    if rows != distinct:
        raise Damaged(f"{path}: {rows - distinct} problems have the id of another one")


def stage(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """A finished stage's directory."""
    _require_finished(directory, "stage")
    record = record_of(directory / "stage.json", StageRecord)
    manifest = _manifest(directory, record.key)
    held = connection.execute("SELECT experiment FROM stages WHERE key = ?", [record.key]).fetchone()
    if held and held[0] < record.experiment:
        # Trained by two experiments at once: the first by name is filed, whichever came in first.
        return
    for table, column in STAGE_TABLES.items() if held else ():
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", [record.key])
    sealed = {name: manifest.get(name) for name in ("seconds", "startup_seconds")}
    _insert(connection, "stages", asdict(record) | sealed)
    types = ", ".join(f"'{name}': '{METRIC_TYPES.get(name, 'DOUBLE')}'" for name in METRICS)
    # Should a step be there twice, done again after a stop, the later line is the one that counts.
    connection.execute(
        "INSERT INTO steps BY NAME SELECT ? AS stage, * FROM "
        f"read_json(?, format = 'newline_delimited', columns = {{{types}}}, hive_partitioning = false) "
        "QUALIFY row_number() OVER (PARTITION BY step ORDER BY time DESC) = 1 ORDER BY step",
        [record.key, str(directory / "metrics.jsonl")],
    )
    _require_all_steps(connection, directory / "metrics.jsonl", record.key, manifest.get("steps"))
    if rollouts := [str(path) for path in sorted((directory / "rollouts").glob("step-*.parquet"))]:
        _require_every_file(connection, directory / "rollouts", record.key, rollouts)
        columns = ", ".join(ROLLOUT_COLUMNS)
        connection.execute(
            f"INSERT INTO rollouts BY NAME SELECT ? AS stage, {columns}, 1 AS occurrence FROM {PARQUET}",
            [record.key, rollouts],
        )
        _tell_groups_apart(connection, record.key, rollouts)
    derived.of_stage(connection, record.key)


def evaluation(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """A finished evaluation's directory."""
    _require_finished(directory, "evaluation")
    record = record_of(directory / "evaluation.json", EvaluationRecord)
    manifest = _manifest(directory, record.key)
    file, key = directory / "samples.parquet", [record.experiment, record.key]
    for table, column in EVALUATION_TABLES.items():
        connection.execute(f"DELETE FROM {table} WHERE experiment = ? AND {column} = ?", key)
    _insert(connection, "evaluations", asdict(record) | {"seconds": manifest.get("seconds")})
    connection.execute(
        f"INSERT INTO samples BY NAME SELECT ? AS experiment, ? AS evaluation, {', '.join(SAMPLE_COLUMNS)} "
        f"FROM {PARQUET} ORDER BY problem, sample",
        [*key, str(file)],
    )
    rows, distinct = connection.execute(
        "SELECT count(*), count(DISTINCT (problem, sample)) FROM samples WHERE experiment = ? AND evaluation = ?",
        key,
    ).fetchone() or (0, 0)
    if not rows:
        raise Damaged(f"{directory}: a finished evaluation without a sample")
    if rows != distinct:
        raise Damaged(f"{directory}: {rows - distinct} samples have the problem and index of another one")
    if rows != (expected := manifest.get("samples", rows)):
        raise Damaged(f"{file}: {rows} samples of {expected}")
    derived.of_evaluation(connection, record.experiment, record.key)


def _require_every_file(connection: duckdb.DuckDBPyConnection, directory: Path, key: str, rollouts: list[str]) -> None:
    """Of every step, where there are any: whoever needs the room may remove them all."""
    numbers = [Path(path).stem.removeprefix("step-") for path in rollouts]
    if strange := [number for number in numbers if not (number.isascii() and number.isdecimal())]:
        raise Damaged(f"{directory}: step-{strange[0]}.parquet is no file of a step; move it away")
    there = set(map(int, numbers))
    steps = connection.execute("SELECT step FROM steps WHERE stage = ? ORDER BY step", [key]).fetchall()
    if missing := [step for (step,) in steps if step not in there]:
        raise Damaged(f"{directory}: the rollouts of {len(missing)} steps are missing, the first of step {missing[0]}")


def _tell_groups_apart(connection: duckdb.DuckDBPyConnection, key: str, rollouts: list[str]) -> None:
    """Number the groups of a problem that a step has more than once: rare, and sorting all rollouts takes long."""
    steps = [
        step
        for (step,) in connection.execute(
            "SELECT DISTINCT step FROM (SELECT step FROM rollouts WHERE stage = ? "
            "GROUP BY step, problem, sample HAVING count(*) > 1)",
            [key],
        ).fetchall()
    ]
    if steps:
        connection.execute("DELETE FROM rollouts WHERE stage = ? AND list_contains(?, step)", [key, steps])
        # A file holds a step's groups one after another, so a group is known by where it starts in it.
        connection.execute(
            f"INSERT INTO rollouts BY NAME SELECT ? AS stage, {', '.join(ROLLOUT_COLUMNS)}, "
            "dense_rank() OVER (PARTITION BY step, problem ORDER BY file_row_number - sample) AS occurrence "
            "FROM read_parquet(?, file_row_number = true, hive_partitioning = false) "
            "WHERE list_contains(?, step)",
            [key, rollouts, steps],
        )


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
        raise Damaged(f"{directory}: the {what} is not finished (no manifest.json); run the experiment again")


def _require_all_steps(connection: duckdb.DuckDBPyConnection, path: Path, key: str, expected: int | None) -> None:
    """A metrics.jsonl that was cut off between two lines is whole in every line. Old manifests do not say how many."""
    found, first, last = connection.execute(
        "SELECT count(*), min(step), max(step) FROM steps WHERE stage = ?", [key]
    ).fetchone() or (0, None, None)
    if not found:
        raise Damaged(f"{path}: a finished stage without a step")
    if (found, first, last) != (expected or last, 1, expected or last):
        raise Damaged(f"{path}: {found} steps of {expected or last}, from {first} to {last}")


def record_of(path: Path, kind: type[Any]) -> Any:
    """A record of passk/files/layout.py. Raises Damaged naming a file that is missing, cut off or none of its kind."""
    restore = RESTORE_EXPERIMENT if kind is ExperimentRecord else RESTORE
    try:
        # what an earlier passk wrote may have one still
        found = kind(**without_secrets(json.loads(path.read_text())))
    except FileNotFoundError:
        raise Damaged(f"{path}: no such file") from None
    except UNREADABLE as error:
        raise Damaged(f"{path}: not a {kind.__name__}: {_reason(error)}; {restore}") from None
    for field in fields(found):
        expected = get_origin(field.type) or field.type
        if expected in (str, dict, list) and not isinstance(getattr(found, field.name), expected):
            raise Damaged(f"{path}: not a {kind.__name__}: {field.name} is no {expected.__name__}; {restore}")
    return found


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())


def _names(error: duckdb.Error, path: Path) -> bool:
    """Whether the message is about the file, or one in the directory. The store's begins alike in runs/passk."""
    return any(f'"{path}{end}' in str(error) for end in ('"', "/"))


def _manifest(directory: Path, key: str) -> dict[str, Any]:
    path = directory / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
    except UNREADABLE as error:
        raise Damaged(f"{path}: not a manifest: {_reason(error)}; {RESTORE}") from None
    if not isinstance(manifest, dict) or manifest.get("key") != key:
        raise Damaged(f"{path}: not the manifest of {key}")
    return manifest
