import logging
import subprocess
import sys

import duckdb
import pytest

from passk.base.errors import PasskError
from passk.store import migrations, reading, rebuild
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
    assert rebuild(run.runs) == []
    with reading(run.store) as connection:
        assert connection.execute("SELECT count(*) FROM stages").fetchone() == (4,)


def test_a_store_of_a_newer_passk_is_refused_with_the_reason(tmp_path):
    store = tmp_path / "passk.duckdb"
    with turn(store) as connection:
        connection.execute("INSERT INTO _migrations (version, name) VALUES (99, 'tomorrow')")
    for use in (reading, turn):
        with (
            pytest.raises(PasskError, match=r"passk\.duckdb: the store has version 99, made by a newer passk"),
            use(store),
        ):
            pass


def test_there_is_no_store_to_read_before_the_first_write(tmp_path):
    with pytest.raises(PasskError, match="there is no store yet"), reading(tmp_path / "passk.duckdb"):
        pass


def test_a_migration_and_its_record_go_in_together_or_not_at_all(tmp_path, monkeypatch):
    (tmp_path / "001_good.sql").write_text("CREATE TABLE good (a INTEGER)")
    (tmp_path / "002_bad.sql").write_text("CREATE TABLE half (a INTEGER); SELECT * FROM nowhere")
    found = migrations.migrations(tmp_path)
    monkeypatch.setattr(migrations, "migrations", lambda: found)
    with duckdb.connect() as connection:
        with pytest.raises(duckdb.Error):
            migrations.apply(connection)
        assert migrations.version_of(connection) == 1
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        assert tables == {"_migrations", "good"}


def test_a_gap_in_the_numbers_of_the_migrations_is_refused(tmp_path):
    (tmp_path / "001_first.sql").touch()
    (tmp_path / "003_third.sql").touch()
    with pytest.raises(PasskError, match="migration 2 is missing or there twice"):
        migrations.migrations(tmp_path)


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
