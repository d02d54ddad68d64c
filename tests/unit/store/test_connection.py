import logging
import subprocess
import sys

import duckdb
import pytest

from passk.base.errors import PasskError
from passk.store import ingest_items, items, reading, rebuild, schema
from passk.store.connection import holder_in, turn

HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the store until its standard input is closed."""
    store = tmp_path / "passk.duckdb"
    with turn(store):
        pass
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield store, process
    process.communicate()


def test_a_store_that_stays_held_is_given_up_with_a_line_that_names_the_holder(holder, caplog):
    store, process = holder
    with (
        caplog.at_level(logging.INFO, "passk.store"),
        pytest.raises(PasskError, match=rf"still held by .*PID {process.pid}"),
        turn(store, wait=2),
    ):
        pass
    assert [str(process.pid) in line for line in caplog.messages] == [True], "one line, that says for whom"


def test_a_store_that_is_let_go_is_written(holder, monkeypatch):
    store, process = holder
    # the first look finds it held, and only then is it let go
    monkeypatch.setattr("passk.store.connection.time.sleep", lambda _: process.communicate())
    with turn(store, wait=30) as connection:
        connection.execute("INSERT INTO experiment_stages VALUES ('e', 'n', 0, 's')")
    with reading(store) as connection:
        assert connection.execute("SELECT count(*) FROM experiment_stages").fetchone() == (1,)


def test_rebuilding_waits_for_the_holder_too_and_leaves_the_old_store(holder):
    store, _ = holder
    with pytest.raises(PasskError, match="still held by"):
        rebuild(store.parent, wait=0.3)
    assert [path.name for path in store.parent.iterdir() if "duckdb" in path.name] == [store.name]


def test_rebuilding_replaces_a_store_that_nobody_can_open(run):
    run.store.write_bytes(b"not a database" * 1000)
    with pytest.raises(PasskError, match="not a valid DuckDB database"), reading(run.store):
        pass
    assert rebuild(run.runs).skipped == []
    with reading(run.store) as connection:
        assert connection.execute("SELECT count(*) FROM stages").fetchone() == (4,)


def test_a_store_of_a_newer_passk_is_refused_with_the_reason(tmp_path):
    store = tmp_path / "passk.duckdb"
    with turn(store) as connection:
        connection.execute("UPDATE store_version SET version = 99")
    for use in (reading, turn):
        with (
            pytest.raises(PasskError, match=r"passk\.duckdb: version 99 of the store was made by a newer passk"),
            use(store),
        ):
            pass


def test_there_is_no_store_to_read_before_the_first_write(tmp_path):
    with pytest.raises(PasskError, match="there is no store yet"), reading(tmp_path / "passk.duckdb"):
        pass


def test_every_table_view_and_column_says_what_it_is(tmp_path):
    store = tmp_path / "passk.duckdb"
    with turn(store) as connection:
        silent = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE comment IS NULL "
            "UNION ALL SELECT view_name FROM duckdb_views() WHERE comment IS NULL AND NOT internal "
            "UNION ALL SELECT table_name || '.' || column_name FROM duckdb_columns() "
            "WHERE comment IS NULL AND NOT internal"
        ).fetchall()
    assert silent == []


def test_a_message_that_is_not_about_a_lock_names_no_holder():
    assert holder_in("IO Error: No such file") is None
    assert holder_in('IO Error: Could not set lock on file "x": held in /usr/bin/python3 (PID 7).') == "python3 (PID 7)"


def older(store):
    """Turn a store into one of version 9."""
    with duckdb.connect(str(store)) as connection:
        connection.execute("UPDATE store_version SET version = 9; DELETE FROM steps")


@pytest.mark.parametrize("use", ["read", "ingest"])
def test_an_older_store_is_rebuilt_from_the_files_and_kept_beside_the_new_one(run, use, caplog):
    rebuild(run.runs)
    older(run.store)
    if use == "ingest":
        assert ingest_items(run.store, items(run.runs)).new == {}
    with reading(run.store) as connection:
        assert connection.execute("SELECT count(*) FROM steps").fetchone() != (0,)
        schema.require_current(connection)
    with duckdb.connect(str(run.store.with_name("passk.duckdb.version-9")), read_only=True) as kept:
        assert kept.execute("SELECT version FROM store_version").fetchone() == (9,)
    assert [record.message for record in caplog.records if "older passk" in record.message]
