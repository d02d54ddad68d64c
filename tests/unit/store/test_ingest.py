import shutil
import threading

import duckdb
import pytest

from passk.base.errors import PasskError
from passk.files.layout import write_json
from passk.files.schema import METRICS, ROLLOUT_COLUMNS, SAMPLE_COLUMNS
from passk.store import ingest_experiment_record, reading, rebuild, schema
from passk.store.connection import transaction, turn
from tests.unit.store.one_item import ingest_evaluation, ingest_problems, ingest_stage


def grow(run):
    """File the run as a flow does: item by item."""
    ingest_problems(run.store, run.directory)
    for stage in run.stages():
        ingest_stage(run.store, stage)
    for evaluation in run.evaluations():
        ingest_evaluation(run.store, evaluation)
    ingest_experiment_record(run.store, run.directory)


def contents(store):
    """Every row of every table but the record of migrations, which has a clock."""
    with reading(store) as connection:
        tables = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
        return {
            table: sorted(map(repr, connection.execute(f"SELECT * FROM {table}").fetchall()))
            for (table,) in tables
            if table != "store_version"
        }


def test_a_rebuilt_store_equals_the_grown_one_and_has_every_step_rollout_and_sample(run, filed_once):
    """`filed_once` was rebuilt from the same files."""
    grow(run)
    grown = contents(run.store)
    assert grown == contents(filed_once.store)
    assert all(grown.values()), "a table without a row compares nothing"
    counts = {table: len(rows) for table, rows in grown.items()}
    assert counts["steps"] == 6 + 18 + 12 + 6
    assert counts["rollouts"] == (18 + 12 + 6) * 8
    assert counts["samples"] == 4 * 2 * 16 * 16
    assert counts["problems"] == 3 * 16


def test_ingesting_twice_is_ingesting_once(filed):
    once = contents(filed.store)
    grow(filed)
    assert contents(filed.store) == once


def test_an_unfinished_directory_is_refused_by_name_and_changes_nothing(filed):
    run = filed
    before = contents(run.store)
    stage, evaluation = run.stages()[0], run.evaluations()[0]
    (stage / "manifest.json").unlink()
    (evaluation / "manifest.json").unlink()
    with pytest.raises(PasskError, match=rf"{stage.name}: the stage is not finished"):
        ingest_stage(run.store, stage)
    with pytest.raises(PasskError, match=rf"{evaluation.name}: the evaluation is not finished"):
        ingest_evaluation(run.store, evaluation)
    assert contents(run.store) == before


def test_a_damaged_file_rolls_the_whole_stage_back(filed):
    run = filed
    before = contents(run.store)
    stage = run.directory / "stages" / "key-pass4"
    rollouts = stage / "rollouts" / "step-000003.parquet"
    rollouts.write_bytes(rollouts.read_bytes()[:-20])
    with pytest.raises(PasskError, match="key-pass4") as caught:
        ingest_stage(run.store, stage)
    assert "\n" not in str(caught.value)
    assert contents(run.store) == before


def test_rebuilding_names_and_skips_what_is_damaged_and_files_the_rest(run):
    cut = run.directory / "stages" / "key-pass1" / "metrics.jsonl"
    cut.write_text(cut.read_text()[:-30])
    (run.directory / "evaluations" / "key-warm-easy" / "samples.parquet").write_bytes(b"PAR1")
    (run.directory / "stages" / "key-pass4-pass1" / "manifest.json").unlink()

    skipped = rebuild(run.runs).skipped

    for name, line in zip(("key-pass1", "key-warm-easy"), skipped, strict=True):
        assert name in line
    counts = {table: len(rows) for table, rows in contents(run.store).items()}
    assert (counts["stages"], counts["evaluations"]) == (2, 7)


def test_a_evaluation_with_one_sample_twice_is_refused(run, parquet):
    directory = run.directory / "evaluations" / "key-warm-easy"
    parquet.repeat_first_row(directory / "samples.parquet")
    with pytest.raises(PasskError, match="1 samples have the problem and index of another one"):
        ingest_evaluation(run.store, directory)


def test_a_stage_that_lacks_the_rollouts_of_some_steps_is_named_and_one_without_any_goes_in(run):
    stage = run.directory / "stages" / "key-pass4"
    (stage / "rollouts" / "step-000003.parquet").unlink()
    with pytest.raises(PasskError, match="rollouts: the rollouts of 1 steps are missing, the first of step 3"):
        ingest_stage(run.store, stage)
    shutil.rmtree(stage / "rollouts")
    ingest_stage(run.store, stage)


def test_a_step_that_was_done_again_counts_once_by_its_later_line(run):
    stage = run.directory / "stages" / "key-pass4"
    metrics = stage / "metrics.jsonl"
    lines = metrics.read_text().splitlines()
    lines[4] = lines[4].replace('"time": 1', '"time": 2').replace('"length": 4.6', '"length": 9.9')
    metrics.write_text("\n".join([*lines[:4], lines[4], *metrics.read_text().splitlines()[4:], ""]))
    ingest_stage(run.store, stage)
    with reading(run.store) as connection:
        rows = connection.execute("SELECT step, length FROM steps WHERE step BETWEEN 4 AND 6 ORDER BY 1").fetchall()
    assert rows == [(4, 4.6), (5, 9.9), (6, 4.6)]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_stage_trained_by_two_experiments_is_filed_the_same_in_either_order(run_factory, tmp_path, order):
    runs = {name: run_factory(tmp_path / "runs", name=name) for name in ("a", "b")}
    for name in order:
        ingest_stage(runs[name].store, runs[name].directory / "stages" / "key-warm")
    with reading(runs["a"].store) as connection:
        assert connection.execute("SELECT key, experiment FROM stages").fetchall() == [("key-warm", "a")]


def test_unreadable_records_are_named_in_one_line(run):
    write_json(run.directory / "experiment.json", {"name": "maze-cpu"})
    with pytest.raises(PasskError, match=r"experiment\.json: not a ExperimentRecord"):
        ingest_experiment_record(run.store, run.directory)


def test_stages_filed_from_two_threads_at_once_all_arrive(run):
    failures = []

    def file(stage):
        try:
            ingest_stage(run.store, stage)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=file, args=(stage,)) for stage in run.stages()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with reading(run.store) as connection:
        assert connection.execute("SELECT count(*) FROM stages").fetchone() == (4,)


def test_a_write_that_fails_half_way_leaves_no_row(run):
    with pytest.raises(RuntimeError), turn(run.store) as connection, transaction(connection):
        connection.execute("INSERT INTO experiment_stages VALUES ('e', 'n', 0, 's')")
        raise RuntimeError("stopped")
    assert contents(run.store)["experiment_stages"] == []


def test_the_files_have_the_columns_that_the_tables_describe():
    """passk/files/schema.py is the one definition of a column's type and meaning."""
    with duckdb.connect() as connection:
        schema.create(connection)
        assert dict(schema.columns(connection, "steps"))["pass_at_k"] == "MAP(INTEGER, DOUBLE)"
        meanings = {
            (table, column): meaning
            for table, column, meaning in connection.execute(
                "SELECT table_name, column_name, comment FROM duckdb_columns()"
            ).fetchall()
        }
        for table, columns, more in (
            ("steps", METRICS, {"stage"}),
            ("rollouts", ROLLOUT_COLUMNS, {"stage", "occurrence"}),
            ("samples", SAMPLE_COLUMNS, {"experiment", "evaluation"}),
        ):
            assert {name for name, _ in schema.columns(connection, table)} == set(columns) | more
            assert all(meanings[table, name] == column.meaning for name, column in columns.items())
