"""What the files have and the store has not; and the store once more, from the files alone."""

import fcntl
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from passk.base.errors import PasskError
from passk.files import scratch
from passk.files.layout import STORE, EvaluationRecord, ExperimentRecord, StageRecord
from passk.store import connection as connections
from passk.store import ingest, queries, schema
from passk.store.connection import POLL, WAIT, held, log_of, sealed, turn
from passk.store.ingest import Damaged, Item
from passk.store.schema import OlderStore

log = logging.getLogger(__name__)

_NAMED_BY_PROCESS = re.compile(rf"\.+{re.escape(STORE)}(?:\.\d+)+(?:\.new)?(?:\.wal)?")
"""An unfinished store of an earlier passk, which named it by the number of its process."""
TURN = 5.0
"""seconds of filing after which others who wait for the store get their turn"""
KINDS = {
    ingest.experiment_record: "experiments",
    ingest.problem_set: "problem sets",
    ingest.stage: "stages",
    ingest.evaluation: "evaluations",
}


@dataclass
class Ingested:
    new: Counter[str] = field(default_factory=Counter)
    """how many of each of KINDS went in"""
    skipped: list[str] = field(default_factory=list)
    """a line for each item that is unfinished, cut off or damaged"""


def items(runs: Path) -> Iterator[Item]:
    """All there is under a directory of runs, in an order that only the names decide."""
    for experiment in _directories(runs):
        yield ingest.experiment_record, experiment
        for problems in sorted((experiment / "problems").glob("*.parquet")):
            yield ingest.problem_set, problems
        for stage in _directories(experiment / "stages"):
            yield ingest.stage, stage
        for evaluation in _directories(experiment / "evaluations"):
            yield ingest.evaluation, evaluation


def ingest_items(store: Path, wanted: Iterable[Item], wait: float = WAIT) -> Ingested:
    """File what of `wanted` is not in the store yet; what cannot be read is named and skipped, the rest goes in.

    What has a manifest never changes, so what is in is not read again. Raises PasskError when another process holds
    the store for longer than `wait` seconds, and where the store takes no more, as on a full disk.
    """
    remove_abandoned(store)
    try:
        with turn(store, wait):
            pass  # a store without a row is a store
    except OlderStore:
        renew(store, wait)
    with reading(store, wait) as connection:
        there = _There.of(connection)
    left, ingested = [item for item in wanted if not there.has(*item)][::-1], Ingested()
    while left:
        with turn(store, wait) as connection:
            started = time.monotonic()
            while left:
                _attempt(connection, left.pop(), ingested)
                if time.monotonic() - started > TURN:
                    break
        if left:
            time.sleep(2 * POLL)
    return ingested


def rebuild(runs: Path, wait: float = WAIT) -> list[str]:
    """Make runs/passk.duckdb again from the files under `runs`; returns a line for each thing left out.

    The new store is made beside the old one and takes its place in one rename: a failure leaves the old one. What
    others file meanwhile is in it too. Unfinished and damaged stages and evaluations are named and skipped, the
    rest goes in. Raises PasskError when another process holds the old store for longer than `wait` seconds, and
    where the new one cannot be written whole, as on a full disk.
    """
    store, ingested = runs / STORE, Ingested()
    remove_abandoned(store)
    with scratch.beside(store) as directory:
        fresh = directory / STORE
        with turn(fresh) as connection:
            left = {item for item in items(runs) if not _attempt(connection, item, ingested)}
        with held(store, wait):
            # What others filed meanwhile stands in the old store alone.
            with sealed(fresh) as connection:
                there, ingested = _There.of(connection), Ingested()
                for item in items(runs):
                    if item in left or not there.has(*item):
                        _attempt(connection, item, ingested)
            _keep_older(store)
            log_of(store).unlink(missing_ok=True)
            fresh.replace(store)
    return ingested.skipped


def remove_abandoned(store: Path) -> None:
    """Remove the unfinished stores that killed processes left beside `store`."""
    scratch.remove_abandoned(store)
    for file in store.parent.glob(".*"):
        if _NAMED_BY_PROCESS.fullmatch(file.name) and not _is_open(file.with_name(file.name.removesuffix(".wal"))):
            file.unlink(missing_ok=True)


def _is_open(store: Path) -> bool:
    """Whether a process holds DuckDB's lock on a store."""
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
    """Open the store read-only, rebuilt first where an older passk made it. Raise PasskError as `turn` does."""
    try:
        with connections.reading(store, wait):
            pass
    except OlderStore:
        renew(store, wait)
    with connections.reading(store, wait) as connection:
        yield connection


def renew(store: Path, wait: float = WAIT) -> None:
    """Rebuild a store that an older passk made, and log which files stay out."""
    log.warning("%s: made by an older passk; rebuilding it from the files, the old one is kept beside it", store)
    for line in rebuild(store.parent, wait):
        log.warning("left out: %s", line)


def _keep_older(store: Path) -> None:
    """Keep a store of another version as passk.duckdb.version-N before its successor takes its place."""
    try:
        with duckdb.connect(str(store), read_only=True) as connection:
            found = schema.version_of(connection)
    except duckdb.Error:
        return  # nobody can open it
    if found != schema.VERSION:
        kept = store.with_name(f"{store.name}.version-{found}")
        kept.unlink(missing_ok=True)
        os.link(store, kept)


def _attempt(connection: duckdb.DuckDBPyConnection, item: Item, ingested: Ingested) -> bool:
    """File an item, or say in `ingested` why not; whether it is filed."""
    try:
        ingest.ingest(connection, item)
    except Damaged as error:
        ingested.skipped.append(str(error))
        return False
    ingested.new[KINDS[item[0]]] += 1
    return True


@dataclass(frozen=True)
class _There:
    """What is in the store, as far as `fill` needs it."""

    experiments: dict[str, ExperimentRecord]
    problems: set[str]
    stages: dict[str, str]
    """key -> the experiment that trained it"""
    evaluations: set[tuple[str, str]]

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection) -> "_There":
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
                record = ingest.record_of(path / "experiment.json", ExperimentRecord)
                return self.experiments.get(record.name) == record
            if take is ingest.stage:
                record = ingest.record_of(path / "stage.json", StageRecord)
                # of a stage that two experiments trained, the first by name is filed
                return record.key in self.stages and self.stages[record.key] <= record.experiment
            record = ingest.record_of(path / "evaluation.json", EvaluationRecord)
            return (record.experiment, record.key) in self.evaluations
        except PasskError:
            return False  # ingest says what is wrong with it


def _directories(parent: Path) -> list[Path]:
    return sorted(path for path in parent.glob("*") if path.is_dir() and not path.name.startswith("."))
