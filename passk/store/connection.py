"""Short-lived connections to the store, with a bounded wait for another process that holds the file.

DuckDB locks the file for a whole process. While one process writes, no other can read. Within a process, a reader
and a writer must not be open at once. Every use therefore opens the store, runs one operation and closes it, one
after another within this process.
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
from passk.files import durable, scratch
from passk.store import schema

log = logging.getLogger(__name__)

WAIT = 600.0
"""Seconds to wait for another holder of the file: the ingest of a large experiment takes minutes."""
_QUIET = 2.0
"""Seconds of waiting before a log line."""
POLL = 0.1
"""Seconds between two attempts to open a held store."""
INGEST_SETTINGS = "SET preserve_insertion_order = false; SET checkpoint_threshold = '256MB'"
"""Settings for ingest. Rows of many small files are inserted twice as fast without an order, which tables do not need.
DuckDB merges its log into the file at the end of a turn instead of every 16 MiB. Each merge compresses and writes the
last rows again."""
_in_this_process = threading.Lock()


@contextmanager
def turn(store: Path, wait: float = WAIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the store for transactions, and create it if it does not exist. Other processes wait.

    Raise PasskError if another process still holds the file after `wait` seconds, if it is no DuckDB file, or if a
    newer passk made it. Raise OlderStore if an older passk made it.
    """
    with _alone(store, wait):
        if not store.exists():
            _make(store)
        with _opened(store, wait, read_only=False) as connection:
            # This process alone has the store open, so these are spilled rows of a killed process.
            shutil.rmtree(store.with_name(f"{store.name}.tmp"), ignore_errors=True)
            _named(store, schema.require_current, connection)
            connection.execute(INGEST_SETTINGS)
            yield connection


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit when the block ends, roll back when it raises."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        with contextlib.suppress(duckdb.TransactionException):  # the error may have ended the transaction
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def reading(store: Path, wait: float = WAIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the store read-only. Raise PasskError like `turn`, and if there is no store."""
    if not store.is_file():
        raise PasskError(f"{store}: there is no store yet; run an experiment, or `passk ingest --rebuild`")
    with _alone(store, wait), _opened(store, wait, read_only=True) as connection:
        _named(store, schema.require_current, connection)
        yield connection


@contextmanager
def sealed(store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a new store that no other process uses. After the block, all rows are in one file, which can be moved.

    Raises PasskError if rows remain in DuckDB's log, for example on a full disk, where DuckDB closes without an error.
    """
    try:
        with duckdb.connect(str(store)) as connection, _interruptible():
            yield connection
            connection.execute("CHECKPOINT")
    except duckdb.Error as error:
        raise PasskError(f"{store}: {one_line(error)}") from None
    if log_of(store).exists():
        raise PasskError(f"{store}: DuckDB cannot merge its log into the file; free disk space and try again")


def log_of(store: Path) -> Path:
    """Return the path of DuckDB's log, which has the committed rows that are not in the file yet."""
    return store.with_name(f"{store.name}.wal")


@contextmanager
def held(store: Path, wait: float = WAIT) -> Iterator[None]:
    """Keep writers out of an existing store. An unreadable store needs no lock."""
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
    """A file that is no store, or a store of an incompatible DuckDB."""


@contextmanager
def _alone(store: Path, wait: float) -> Iterator[None]:
    if not _in_this_process.acquire(timeout=wait):
        raise PasskError(
            f"{store}: another thread of this process (PID {os.getpid()}) held it for {wait:.0f} s; try again"
        )
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
    """Raise KeyboardInterrupt if Ctrl-C ends a query, where DuckDB raises a RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        if str(error) != "Query interrupted":
            raise
        raise KeyboardInterrupt from None


def _make(store: Path) -> None:
    """Create the store in a scratch directory and move it into place: a killed DuckDB leaves an incomplete file."""
    with scratch.beside(store) as directory:
        fresh = directory / store.name
        with sealed(fresh) as connection:
            schema.create(connection)
        try:
            os.link(fresh, store)
        except FileExistsError:
            pass  # another process was faster
        except OSError:  # a file system without links
            durable.move(fresh, store)


def _connect(store: Path, wait: float, read_only: bool) -> duckdb.DuckDBPyConnection:
    started = time.monotonic()
    logged = False
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
        if waited >= min(_QUIET, wait / 2) and not logged:
            log.warning("%s: waits up to %.0f s for %s, which holds it", store, wait, holder)
            logged = True
        time.sleep(POLL)


def holder_in(message: str) -> str | None:
    """Return the holder of the file from DuckDB's message, or None if the message is not about a lock."""
    if "Could not set lock on file" in message:
        match = re.search(r"held in (.*?) \(PID (\d+)\)", message)
        return f"{Path(match[1]).name} (PID {match[2]})" if match else "another process"
    if "with a different configuration" in message:
        return f"another connection of this process (PID {os.getpid()})"
    return None


def one_line(error: Exception) -> str:
    """Return DuckDB's message without the SQL that it quotes after a blank line."""
    return " ".join(str(error).split("\n\n")[0].split())


def _named(
    store: Path, check: Callable[[duckdb.DuckDBPyConnection], None], connection: duckdb.DuckDBPyConnection
) -> None:
    """Check the open store. Errors begin with its path."""
    try:
        check(connection)
    except PasskError as error:
        raise type(error)(f"{store}: {error}") from None
    except duckdb.Error as error:
        raise PasskError(f"{store}: {one_line(error)}") from None
