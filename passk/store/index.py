"""Ingest of new files, and the rebuild of the store from the files alone."""

import fcntl
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from passk.base.errors import PasskError
from passk.files import durable, layout, scratch
from passk.files.layout import REHEARSALS, STORE, EvaluationRecord, ExperimentRecord, StageRecord
from passk.store import connection as connections
from passk.store import ingest, queries, schema
from passk.store.connection import INGEST_SETTINGS, POLL, WAIT, held, log_of, sealed, turn
from passk.store.ingest import Item, Unfinished
from passk.store.records import Damaged, record_of
from passk.store.schema import OlderStore

log = logging.getLogger(__name__)

_NAMED_BY_PROCESS = re.compile(rf"\.+{re.escape(STORE)}(?:\.\d+)+(?:\.new)?(?:\.wal)?")
"""Name of an unfinished store of an earlier passk, with a process id."""
TURN = 5.0
"""Seconds of ingest after which other processes get the store."""
KINDS = {
    ingest.experiment_record: "experiments",
    ingest.problem_set: "problem sets",
    ingest.stage: "stages",
    ingest.evaluation: "evaluations",
}


@dataclass
class Ingested:
    """Result of an ingest."""

    new: Counter[str] = field(default_factory=Counter)
    """Number of new items of each of KINDS."""
    skipped: list[str] = field(default_factory=list)
    """A line for each cut off or damaged item."""
    unfinished: list[str] = field(default_factory=list)
    """A line for each stage and evaluation that is not finished. Its run may be going on."""


def items(runs: Path) -> Iterator[Item]:
    """Yield every item under a directory of runs, in the order of their names."""
    for experiment in _directories(runs):
        if experiment.name == REHEARSALS:
            continue
        yield ingest.experiment_record, experiment
        for problems in layout.problem_files(experiment):
            yield ingest.problem_set, problems
        for stage in _directories(layout.stages(experiment)):
            yield ingest.stage, stage
        for evaluation in _directories(layout.evaluations(experiment)):
            yield ingest.evaluation, evaluation


def ingest_items(store: Path, wanted: Iterable[Item], wait: float = WAIT) -> Ingested:
    """Ingest the items of `wanted` that the store does not have. Unreadable items are listed and skipped.

    A finished item never changes, so ingested items are not read again. Raises PasskError if another process holds the
    store for longer than `wait` seconds, or if the store cannot be written, for example on a full disk.
    """
    remove_abandoned(store)
    try:
        present = _present_in(store, wait)
    except OlderStore:
        renew(store, wait)
        present = _present_in(store, wait)
    remaining, ingested = [item for item in wanted if not present.has(*item)][::-1], Ingested()
    while remaining:
        with turn(store, wait) as connection:
            started = time.monotonic()
            while remaining:
                _attempt(connection, remaining.pop(), ingested)
                if time.monotonic() - started > TURN:
                    break
        if remaining:
            time.sleep(2 * POLL)
    return ingested


def rebuild(runs: Path, wait: float = WAIT) -> Ingested:
    """Rebuild runs/passk.duckdb from the files under `runs`.

    The new store is built beside the old one and replaces it in one rename, so a failure leaves the old one. It has the
    items that other processes ingest meanwhile. Damaged items are listed and skipped, unfinished ones are left out.
    Raises PasskError if another process holds the old store for longer than `wait` seconds, or if the new store cannot
    be written, for example on a full disk.
    """
    store, ingested = layout.store(runs), Ingested()
    remove_abandoned(store)
    with scratch.beside(store) as directory, ExitStack() as stack:
        fresh = directory / STORE
        with sealed(fresh) as connection:
            schema.create(connection)
            connection.execute(INGEST_SETTINGS)
            skipped = {item for item in items(runs) if not _attempt(connection, item, ingested)}
            connection.execute("CHECKPOINT")  # the longest write, before the old store is held
            stack.enter_context(held(store, wait))
            # Other processes may have ingested items into the old store meanwhile.
            present, ingested = _Present.of(connection), Ingested()
            for item in items(runs):
                if item in skipped or not present.has(*item):
                    _attempt(connection, item, ingested)
        _keep_older(store)
        log_of(store).unlink(missing_ok=True)
        durable.move(fresh, store)
    return ingested


def _present_in(store: Path, wait: float) -> "_Present":
    """Return the items in a store, which is created if it does not exist."""
    with turn(store, wait) as connection:
        return _Present.of(connection)


def remove_abandoned(store: Path) -> None:
    """Remove unfinished stores of killed processes beside `store`."""
    scratch.remove_abandoned(store)
    for file in store.parent.glob(".*"):
        if _NAMED_BY_PROCESS.fullmatch(file.name) and not _is_open(file.with_name(file.name.removesuffix(".wal"))):
            file.unlink(missing_ok=True)


def _is_open(store: Path) -> bool:
    """Return whether a process holds DuckDB's lock on a store."""
    try:
        with store.open("rb+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@contextmanager
def reading(store: Path, wait: float = WAIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the store read-only. Rebuild it first if an older passk made it. Raise PasskError like `turn`."""
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(connections.reading(store, wait))
        except OlderStore:
            renew(store, wait)
            connection = stack.enter_context(connections.reading(store, wait))
        yield connection


def renew(store: Path, wait: float = WAIT) -> None:
    """Rebuild a store that an older passk made, and log the skipped items."""
    log.warning("%s: made by an older passk; rebuilding it from the files, the old one is kept beside it", store)
    for line in rebuild(store.parent, wait).skipped:
        log.warning("skipped: %s", line)


def _keep_older(store: Path) -> None:
    """Keep a store of another version as passk.duckdb.version-N before its successor takes its place."""
    try:
        with duckdb.connect(str(store), read_only=True) as connection:
            version = schema.version_of(connection)
    except duckdb.Error:
        return  # unreadable
    if version != schema.VERSION:
        kept = store.with_name(f"{store.name}.version-{version}")
        kept.unlink(missing_ok=True)
        os.link(store, kept)


def _attempt(connection: duckdb.DuckDBPyConnection, item: Item, ingested: Ingested) -> bool:
    """Ingest an item and return True, or add the reason to `ingested` and return False."""
    try:
        ingest.ingest(connection, item)
    except Unfinished as error:
        ingested.unfinished.append(str(error))
        return False
    except Damaged as error:
        ingested.skipped.append(str(error))
        return False
    ingested.new[KINDS[item[0]]] += 1
    return True


@dataclass(frozen=True)
class _Present:
    """Items in the store."""

    experiments: dict[str, ExperimentRecord]
    problems: set[str]
    stages: dict[str, str]
    """Key -> name of the experiment that trained it."""
    evaluations: set[tuple[str, str]]

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection) -> "_Present":
        def rows(sql: str) -> list[tuple[str, ...]]:
            return connection.execute(sql).fetchall()

        return cls(
            {name: queries.experiment(connection, name) for (name,) in rows("SELECT name FROM experiments")},
            {fingerprint for (fingerprint,) in rows("SELECT DISTINCT fingerprint FROM problems")},
            {key: experiment for key, experiment in rows("SELECT key, experiment FROM stages")},
            {(experiment, key) for experiment, key in rows("SELECT experiment, key FROM evaluations")},
        )

    def has(self, take: Callable[[duckdb.DuckDBPyConnection, Path], None], path: Path) -> bool:
        if take is ingest.problem_set:
            return path.stem in self.problems
        try:
            if take is ingest.experiment_record:
                record = record_of(layout.experiment_record(path), ExperimentRecord)
                return self.experiments.get(record.name) == record
            if take is ingest.stage:
                record = record_of(layout.stage_record(path), StageRecord)
                # If two experiments trained a stage, the store has that of the first name.
                return record.key in self.stages and self.stages[record.key] <= record.experiment
            record = record_of(layout.evaluation_record(path), EvaluationRecord)
            return (record.experiment, record.key) in self.evaluations
        except PasskError:
            return False  # ingest reports the error


def _directories(parent: Path) -> list[Path]:
    return sorted(path for path in parent.glob("*") if path.is_dir() and not path.name.startswith("."))
