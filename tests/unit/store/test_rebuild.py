"""A rebuild that is killed leaves nothing: neither rows for the next one nor files beside the store."""

import os
import signal
import subprocess
import sys

import duckdb
import pytest

from passk.store import export, index, ingest_items, items, reading, rebuild
from passk.store.connection import transaction, turn
from tests.unit.store.test_ingest import contents

ROWS = "INSERT INTO experiment_stages VALUES ('stale', 'n', 0, 's')"
REBUILD = """
import sys, time
from pathlib import Path
from passk.store import index
attempt = index._attempt
def slow(*words):
    attempt(*words)
    print("one", flush=True)
    time.sleep(600)
index._attempt = slow
index.rebuild(Path(sys.argv[1]))
"""
HELD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.readline()"


def names(runs):
    return sorted(path.name for path in runs.iterdir())


def test_a_killed_rebuild_leaves_no_row_and_no_file_to_the_next_one(run):
    assert rebuild(run.runs).skipped == []
    before, there = contents(run.store), names(run.runs)
    process = subprocess.Popen([sys.executable, "-c", REBUILD, str(run.runs)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "one\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert names(run.runs) != there, "it leaves something, or this tests nothing"
    assert contents(run.store) == before, "the old store stays"
    assert rebuild(run.runs).skipped == []
    assert (contents(run.store), names(run.runs)) == (before, there)


@pytest.mark.parametrize("clean", [rebuild, lambda runs: ingest_items(runs / index.STORE, items(runs))])
def test_stores_that_an_earlier_passk_named_by_its_process_are_removed_and_not_taken_up(run, clean):
    for name in (f".passk.duckdb.{os.getpid()}", ".passk.duckdb.7", f"..passk.duckdb.7.{os.getpid()}.new"):
        with turn(run.runs / name) as connection:
            connection.execute(ROWS)
    (run.runs / ".passk.duckdb.7.wal").write_bytes(b"log")
    assert clean(run.runs).skipped == []
    assert names(run.runs) == [run.name, index.STORE]
    with reading(run.store) as connection:
        assert connection.execute("SELECT count(*) FROM experiment_stages WHERE experiment = 'stale'").fetchone() == (
            0,
        )


def test_an_unfinished_store_that_another_process_has_open_is_left_alone(run):
    other = run.runs / ".passk.duckdb.7"
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, str(other)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    rebuild(run.runs)
    assert other.exists()
    process.communicate()
    rebuild(run.runs)
    assert not other.exists()


def test_rows_that_a_killed_query_had_spilled_beside_the_store_are_removed(run):
    spilled = run.store.with_name(f"{run.store.name}.tmp")
    spilled.mkdir()
    (spilled / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(bytes(9))
    ingest_items(run.store, items(run.runs))
    assert not spilled.exists()


def test_a_killed_export_does_not_keep_the_next_one_from_its_directory(filed, tmp_path):
    (tmp_path / f".out.{os.getpid()}").mkdir()
    assert export(filed.store, tmp_path / "out")


def test_ctrl_c_in_a_query_is_a_ctrl_c_and_leaves_no_row(tmp_path):
    store = tmp_path / "passk.duckdb"
    with turn(store):
        pass

    def interrupt(connection: duckdb.DuckDBPyConnection) -> None:
        # SIGINT stands for Ctrl-C; DuckDB looks for it between two pieces of a query.
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        connection.execute("CREATE TABLE t AS SELECT hash(range) AS h FROM range(8_000_000) ORDER BY h")

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), turn(store) as connection, transaction(connection):
            connection.execute(ROWS)
            interrupt(connection)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with reading(store) as connection:
        assert connection.execute("SELECT count(*) FROM experiment_stages").fetchone() == (0,)


def test_another_runtime_error_stays_what_it_is(tmp_path):
    with pytest.raises(RuntimeError, match="^of mine$"), turn(tmp_path / "passk.duckdb"):
        raise RuntimeError("of mine")


def test_a_directory_of_runs_named_like_a_partition_adds_no_column(run_factory, tmp_path):
    run = run_factory(tmp_path / "step=7" / "problem=none")
    plain = run_factory(tmp_path / "plain")
    assert rebuild(run.runs).skipped == rebuild(plain.runs).skipped == []
    for table in ("steps", "rollouts", "samples", "problems"):
        query = f"SELECT * FROM {table} ORDER BY ALL"
        with reading(run.store) as one, duckdb.connect(str(plain.store), read_only=True) as other:
            assert one.execute(query).fetchall() == other.execute(query).fetchall()
