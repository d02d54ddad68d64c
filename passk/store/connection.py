"""Opening the store: short-lived connections, and a bounded wait for whoever holds the file.

DuckDB locks the file for a whole process: while one process writes, no other can even read, and within a
process a reader and a writer may not be open at once. So every use opens, does its one thing and
closes, one after another within this process.
"""

import contextlib
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from passk.base.errors import PasskError
from passk.files import scratch
from passk.store import schema

log = logging.getLogger(__name__)

WAIT = 600.0
"""seconds to wait for another holder of the file: filing a large experiment takes minutes"""
_QUIET = 2.0
"""seconds of waiting that nobody need be told of"""
POLL = 0.1
"""seconds between two looks at a store that is held"""
_INGEST = "SET preserve_insertion_order = false; SET checkpoint_threshold = '256MB'"
"""A table has no order, and rows of many small files go in twice as fast where none is kept. DuckDB's log goes into the
file at the end of a turn, not every 16 MiB: each time before would compress and write the last rows once more."""
_in_this_process = threading.Lock()


@contextmanager
def turn(store: Path, wait: float = WAIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the store for transactions one after another, and create it where there is none. Other processes wait.

    Raise PasskError when another process still holds the file after `wait` seconds, when it is no DuckDB file or a
    newer passk made it, and OlderStore when an older passk made it.
    """
    with _alone(store, wait):
        if not store.exists():
            _make(store)
        with _opened(store, wait, read_only=False) as connection:
            # Nobody else has the store open, so these are the spilled rows of a process that was killed.
            shutil.rmtree(store.with_name(f"{store.name}.tmp"), ignore_errors=True)
            _named(store, schema.require_current, connection)
            connection.execute(_INGEST)
            yield connection


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commits when the block ends, rolls back when it raises."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        with contextlib.suppress(duckdb.TransactionException):  # an error in it may have ended it
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def reading(store: Path, wait: float = WAIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the store read-only. Raise PasskError as `turn` does, and where there is no store."""
    if not store.is_file():
        raise PasskError(f"{store}: there is no store yet; run an experiment, or make it again from the files")
    with _alone(store, wait), _opened(store, wait, read_only=True) as connection:
        _named(store, schema.require_current, connection)
        yield connection


@contextmanager
def sealed(store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A store that nobody else knows of yet; once the block ends, all of it is in its one file, and that can be moved.

    Raises PasskError where it is not, on a full disk for one: DuckDB closes in silence then, and its log has the rows.
    """
    try:
        with duckdb.connect(str(store)) as connection, _interruptible():
            yield connection
            connection.execute("CHECKPOINT")
    except duckdb.Error as error:
        raise PasskError(f"{store}: {one_line(error)}") from None
    if log_of(store).exists():
        raise PasskError(f"{store}: its log could not be written into it; look whether the disk is full")


def log_of(store: Path) -> Path:
    """Where DuckDB puts what was committed and is not in the file yet."""
    return store.with_name(f"{store.name}.wal")


@contextmanager
def held(store: Path, wait: float = WAIT) -> Iterator[None]:
    """Keep writers out of the store that is there; one that nobody can open needs no keeping."""
    with _alone(store, wait):
        try:
            connection = _connect(store, wait, read_only=True) if store.is_file() else None
        except _Unreadable:
            connection = None
        try:
            yield
        finally:
            if connection is not None:
                connection.close()


class _Unreadable(PasskError):
    """Not a store, or one of a DuckDB that this one cannot read."""


@contextmanager
def _alone(store: Path, wait: float) -> Iterator[None]:
    if not _in_this_process.acquire(timeout=wait):
        raise PasskError(f"{store}: another thread of this process (PID {os.getpid()}) held it for {wait:.0f} s")
    try:
        yield
    finally:
        _in_this_process.release()


@contextmanager
def _opened(store: Path, wait: float, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = _connect(store, wait, read_only)
    try:
        with _interruptible():
            yield connection
    finally:
        connection.close()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt where Ctrl-C ends a query: DuckDB raises a RuntimeError instead."""
    try:
        yield
    except RuntimeError as error:
        if str(error) != "Query interrupted":
            raise
        raise KeyboardInterrupt from None


def _make(store: Path) -> None:
    """Make the store beside its place and put it there whole: DuckDB, killed while it makes one, leaves half a file."""
    with scratch.beside(store) as directory:
        fresh = directory / store.name
        with sealed(fresh) as connection:
            schema.create(connection)
        try:
            os.link(fresh, store)
        except FileExistsError:
            pass  # another process was faster
        except OSError:  # a file system without links
            fresh.replace(store)


def _connect(store: Path, wait: float, read_only: bool) -> duckdb.DuckDBPyConnection:
    started = time.monotonic()
    told = False
    while True:
        try:
            return duckdb.connect(str(store), read_only=read_only)
        except duckdb.Error as error:
            holder = holder_in(str(error))
            if holder is None:
                raise _Unreadable(f"{store}: {one_line(error)}") from None
        waited = time.monotonic() - started
        if waited >= wait:
            raise PasskError(f"{store}: still held by {holder} after {wait:.0f} s; end that process, or try again")
        if waited >= min(_QUIET, wait / 2) and not told:
            log.warning("%s: waits up to %.0f s for %s, which holds it", store, wait, holder)
            told = True
        time.sleep(POLL)


def holder_in(message: str) -> str | None:
    """Who holds the file, out of DuckDB's message; None where the message is not about a lock."""
    if "Could not set lock on file" in message:
        found = re.search(r"held in (.*?) \(PID (\d+)\)", message)
        return f"{Path(found[1]).name} (PID {found[2]})" if found else "another process"
    if "with a different configuration" in message:
        return f"another connection of this process (PID {os.getpid()})"
    return None


def one_line(error: Exception) -> str:
    """DuckDB's message without the SQL that it quotes after a blank line."""
    return " ".join(str(error).split("\n\n")[0].split())


def _named(
    store: Path, check: Callable[[duckdb.DuckDBPyConnection], None], connection: duckdb.DuckDBPyConnection
) -> None:
    """Check the open store; put its path in front of an error."""
    try:
        check(connection)
    except PasskError as error:
        raise type(error)(f"{store}: {error}") from None
    except duckdb.Error as error:
        raise PasskError(f"{store}: {one_line(error)}") from None
