"""Ingest of files into the store: an experiment's record, a problem set, a stage or an evaluation per transaction.

Each item has a natural key, so a second ingest replaces the first. Readers see a whole item or none. Only finished
directories (with manifest.json) are ingested, and only if they are complete. DuckDB reads Parquet and JSON lines
itself; no row passes through Python.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from passk.base import gpus
from passk.base.errors import PasskError
from passk.files import layout
from passk.files.durable import FULL
from passk.files.layout import EvaluationRecord, ExperimentRecord, StageRecord, is_finished
from passk.files.schema import ROLLOUT_COLUMNS, SAMPLE_COLUMNS
from passk.store import derived, training_evaluations
from passk.store.connection import WAIT, one_line, transaction, turn
from passk.store.records import RESTORE, UNREADABLE, Damaged, reason, record_of
from passk.store.schema import columns

PROBLEM_COLUMNS = ("id", "prompt", "answer", "verifier", "split", "difficulty", "demonstration", "metadata")
PARQUET = "read_parquet(?, hive_partitioning = false)"
"""Reader without Hive partitions: a directory of runs may be named x=1, which would become a column."""


class Unfinished(Damaged):
    """A stage or an evaluation that is not finished. Its run may be going on."""


STAGE_TABLES = {
    "stages": "key", "steps": "stage", "rollouts": "stage", "groups": "stage", "checkpoints": "stage",
    "training_evaluations": "stage",
}  # fmt: skip
"""Table -> its column with the stage's key. derived.py replaces the rows of `costs`."""
EVALUATION_TABLES = {"evaluations": "key", "samples": "evaluation", "evaluation_counts": "evaluation"}
MEASURED = ("seconds", "prompt_tokens")

Item = tuple[Callable[[duckdb.DuckDBPyConnection, Path], None], Path]
"""One of `experiment_record`, `problem_set`, `stage` and `evaluation`, and the file or directory to ingest."""

STORE_FAILS = (duckdb.IOException, duckdb.TransactionException, duckdb.OutOfMemoryException, duckdb.FatalException)
"""DuckDB's exceptions for a store that cannot be written. With a file's name in the message, they are about that file.
"""


def ingest(connection: duckdb.DuckDBPyConnection, item: Item) -> None:
    """Ingest one item in one transaction. After an error the store is unchanged.

    Raises Damaged with the file's name, or PasskError if the store fails, for example on a full disk.
    """
    take, path = item
    try:
        with transaction(connection):
            take(connection, path)
    except duckdb.Error as error:
        of_the_store = isinstance(error, STORE_FAILS) and not _names(error, path)
        raise (PasskError if of_the_store else Damaged)(f"{path}: {one_line(error)}") from None
    except UnicodeError:  # from DuckDB's message with a column's name, or from a record cut within a character
        raise Damaged(f"{path}: damaged, a text in it is not UTF-8; {RESTORE}") from None
    except OSError as error:
        raise (PasskError if error.errno in FULL else Damaged)(f"{path}: {error.strerror}") from None


def ingest_experiment_record(store: Path, directory: Path, wait: float = WAIT) -> None:
    """Ingest experiment.json of an experiment's directory. Raises Damaged with the name of an unreadable file."""
    with turn(store, wait) as connection:
        ingest(connection, (experiment_record, directory))


def experiment_record(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """Ingest experiment.json and replace its earlier rows: its failures and sessions change from run to run."""
    record = record_of(layout.experiment_record(directory), ExperimentRecord)
    _require_own(directory, record)
    connection.execute("DELETE FROM experiments WHERE name = ?", [record.name])
    connection.execute("DELETE FROM experiment_stages WHERE experiment = ?", [record.name])
    row = asdict(record)
    stages = row.pop("stages")
    _insert(connection, "experiments", row)
    for position, (name, key) in enumerate(stages.items()):
        named = {"experiment": record.name, "name": name, "position": position, "stage": key}
        _insert(connection, "experiment_stages", named)
    derived.of_experiment(connection, record.name)


def _require_own(directory: Path, record: ExperimentRecord) -> None:
    """Raise Damaged for the record in a copy of an experiment's directory, since it would replace the experiment's."""
    original = layout.experiment_record(directory.parent / record.name)
    if directory.name != record.name and original.exists():
        raise Damaged(
            f"{directory / original.name}: a copy of the record of {record.name}, which has {original}; "
            f"move the copy out of {directory.parent}"
        )


def problem_set(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Ingest problems/<fingerprint>.parquet."""
    connection.execute("DELETE FROM problems WHERE fingerprint = ?", [path.stem])
    connection.execute(
        f"INSERT INTO problems BY NAME SELECT ? AS fingerprint, {', '.join(PROBLEM_COLUMNS)} FROM {PARQUET}",
        [path.stem, str(path)],
    )
    rows, distinct = connection.execute(
        "SELECT count(*), count(DISTINCT id) FROM problems WHERE fingerprint = ?", [path.stem]
    ).fetchone() or (0, 0)
    if rows != distinct:
        raise Damaged(f"{path}: {rows - distinct} problems have the id of another one; {RESTORE}")


def stage(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """Ingest a finished stage's directory."""
    _require_finished(directory, "stage")
    record = record_of(layout.stage_record(directory), StageRecord)
    manifest = _manifest(directory, record.key)
    held = connection.execute("SELECT experiment FROM stages WHERE key = ?", [record.key]).fetchone()
    if held and held[0] < record.experiment:
        return  # Two experiments trained it at once: the store keeps that of the first name.
    for table, column in STAGE_TABLES.items() if held else ():
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", [record.key])
    end = {name: manifest.get(name) for name in ("seconds", "startup_seconds", "ended", "models")}
    _insert(connection, "stages", asdict(record) | end | {"gpus": _gpus(directory, record.kind)})
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns(connection, "steps") if name != "stage")
    # A step that was repeated after a stop has two lines; the later one counts.
    connection.execute(
        "INSERT INTO steps BY NAME SELECT ? AS stage, * FROM "
        f"read_json(?, format = 'newline_delimited', columns = {{{types}}}, hive_partitioning = false) "
        "QUALIFY row_number() OVER (PARTITION BY step ORDER BY time DESC) = 1 ORDER BY step",
        [record.key, str(layout.metrics(directory))],
    )
    _require_all_steps(connection, layout.metrics(directory), record.key, manifest.get("steps", 0))
    if files := layout.rollout_files(directory):
        _require_every_file(connection, layout.rollouts(directory), record.key, files)
        rollouts = list(map(str, files))
        names = ", ".join(ROLLOUT_COLUMNS)
        connection.execute(
            f"INSERT INTO rollouts BY NAME SELECT ? AS stage, {names}, 1 AS occurrence FROM {PARQUET}",
            [record.key, rollouts],
        )
        _number_occurrences(connection, record.key, rollouts)
    training_evaluations.ingest(connection, record.key, directory)
    derived.of_stage(connection, record.key)


def _gpus(directory: Path, kind: str) -> int | None:
    """Return the number of GPUs that a stage holds, by its experiment's record; None on CPUs, or without a record."""
    try:
        compute = record_of(layout.experiment_record(directory.parents[1]), ExperimentRecord).config["compute"]
        return gpus.held(compute, rollouts=kind == "rl") if compute["profile"] == "gpu" else None
    except (PasskError, LookupError, TypeError):
        return None


def evaluation(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """Ingest a finished evaluation's directory."""
    _require_finished(directory, "evaluation")
    record = record_of(layout.evaluation_record(directory), EvaluationRecord)
    manifest = _manifest(directory, record.key)
    file, key = layout.samples(directory), [record.experiment, record.key]
    for table, column in EVALUATION_TABLES.items():
        connection.execute(f"DELETE FROM {table} WHERE experiment = ? AND {column} = ?", key)
    _insert(connection, "evaluations", asdict(record) | {name: manifest.get(name) for name in MEASURED})
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
        raise Damaged(f"{directory}: a finished evaluation without a sample; {RESTORE}")
    if rows != distinct:
        raise Damaged(f"{directory}: {rows - distinct} samples have the problem and index of another one; {RESTORE}")
    if rows != (expected := manifest.get("samples", rows)):
        raise Damaged(f"{file}: {rows} samples of {expected}; {RESTORE}")
    derived.of_evaluation(connection, record.experiment, record.key)


def _require_every_file(
    connection: duckdb.DuckDBPyConnection, directory: Path, key: str, files: dict[Path, int | None]
) -> None:
    """Raise Damaged unless every step has a rollout file. A directory without any is valid: users may delete all."""
    if unknown := [file for file, step in files.items() if step is None]:
        raise Damaged(f"{directory}: {unknown[0].name} has no step number; move it away")
    present = set(files.values())
    steps = connection.execute("SELECT step FROM steps WHERE stage = ? ORDER BY step", [key]).fetchall()
    if missing := [step for (step,) in steps if step not in present]:
        raise Damaged(
            f"{directory}: the rollouts of {len(missing)} steps are missing, the first of step {missing[0]}; {RESTORE}"
        )


def _number_occurrences(connection: duckdb.DuckDBPyConnection, key: str, rollouts: list[str]) -> None:
    """Number a problem's groups in steps that have it more than once. Only these steps are sorted, which is faster."""
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
        # A file has a step's groups one after another, so the first row of a group identifies it.
        connection.execute(
            f"INSERT INTO rollouts BY NAME SELECT ? AS stage, {', '.join(ROLLOUT_COLUMNS)}, "
            "dense_rank() OVER (PARTITION BY step, problem ORDER BY file_row_number - sample) AS occurrence "
            "FROM read_parquet(?, file_row_number = true, hive_partitioning = false) "
            "WHERE list_contains(?, step)",
            [key, rollouts, steps],
        )


def _insert(connection: duckdb.DuckDBPyConnection, table: str, row: dict[str, Any]) -> None:
    """Insert one row. Values without a fixed shape (objects, and the list of sessions) become JSON."""
    values = [
        json.dumps(value, sort_keys=True) if isinstance(value, dict) or name == "sessions" else value
        for name, value in row.items()
    ]
    marks = ", ".join("?" for _ in row)
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", values)


def _require_finished(directory: Path, what: str) -> None:
    if not is_finished(directory):
        raise Unfinished(f"{directory}: the {what} is not finished (no manifest.json); run the experiment again")


def _require_all_steps(connection: duckdb.DuckDBPyConnection, path: Path, key: str, expected: int) -> None:
    """Raise Damaged unless the steps are those of the manifest: a metrics.jsonl may be cut off between two lines."""
    count, first, last = connection.execute(
        "SELECT count(*), min(step), max(step) FROM steps WHERE stage = ?", [key]
    ).fetchone() or (0, None, None)
    if not count:
        raise Damaged(f"{path}: a finished stage without a step; {RESTORE}")
    if (count, first, last) != (expected, 1, expected):
        raise Damaged(f"{path}: {count} steps of {expected}, from {first} to {last}; {RESTORE}")


def _names(error: duckdb.Error, path: Path) -> bool:
    """Return whether the message names the file or one in the directory. With runs in passk/, the store's path has
    the same prefix."""
    return any(f'"{path}{end}' in str(error) for end in ('"', "/"))


def _manifest(directory: Path, key: str) -> dict[str, Any]:
    path = layout.manifest(directory)
    try:
        manifest = json.loads(path.read_text())
    except UNREADABLE as error:
        raise Damaged(f"{path}: not a manifest: {reason(error)}; {RESTORE}") from None
    if not isinstance(manifest, dict) or manifest.get("key") != key:
        raise Damaged(f"{path}: not the manifest of {key}; {RESTORE}")
    return manifest
