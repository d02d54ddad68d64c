"""`passk sql` reads the store and can do nothing else."""

import csv
import io
import json
from decimal import Decimal

import duckdb
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from passk.base.errors import LONGEST, ConfigError
from passk.cli import store as store_cli
from passk.cli.main import app
from passk.store import ask
from tests.unit.synthetic_run import HOSTILE


@pytest.fixture(scope="module")
def store(filed_once):
    return filed_once.store


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A directory with files that a statement must neither read nor change."""
    here = tmp_path_factory.mktemp("here")
    (here / "in.csv").write_text("a\n1\n")
    pq.write_table(duckdb.sql("SELECT 1 AS a").to_arrow_table(), here / "in.parquet")
    duckdb.connect(str(here / "other.duckdb")).close()
    return here


def listing(directory):
    return {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file()}


WRITES = [
    "INSERT INTO steps (stage, step) VALUES ('x', 1)",
    "DELETE FROM steps",
    "UPDATE steps SET k = 1",
    "DROP TABLE steps",
    "CREATE TABLE mine AS SELECT 1",
    "CREATE TEMP TABLE mine AS SELECT 1",
    "CREATE OR REPLACE VIEW leaderboard AS SELECT 1",
    "ALTER TABLE steps ADD COLUMN mine INTEGER",
    "WITH gone AS (DELETE FROM steps RETURNING *) FROM gone",
    "EXPLAIN ANALYZE DELETE FROM steps",
    "SELECT 1; DELETE FROM steps",
    "BEGIN",
    "CHECKPOINT",
    "VACUUM",
]
FILES = [
    "ATTACH '{here}/other.duckdb' AS other",
    "ATTACH ':memory:' AS other",
    "COPY steps TO '{here}/out.csv'",
    "COPY (FROM steps) TO '{here}/out.parquet' (FORMAT parquet)",
    "COPY steps TO '/dev/stdout'",
    "COPY steps FROM '{here}/in.csv'",
    "EXPORT DATABASE '{here}/out'",
    "IMPORT DATABASE '{here}/out'",
    "FROM '{here}/in.csv'",
    "FROM read_csv('{here}/in.csv')",
    "FROM read_csv_auto('{here}/in.csv')",
    "FROM sniff_csv('{here}/in.csv')",
    "FROM read_text('{here}/in.csv')",
    "FROM read_blob('{here}/in.csv')",
    "FROM read_json('{here}/in.csv')",
    "FROM read_parquet('{here}/in.parquet')",
    "FROM parquet_metadata('{here}/in.parquet')",
    "FROM read_duckdb('{here}/other.duckdb')",
    "FROM glob('{here}/*')",
    "FROM query('SELECT * FROM read_text(''{here}/in.csv'')')",
    "FROM query_table('{here}/in.csv')",
]
SETTINGS = [
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{here}/mine.duckdb_extension'",
    "UPDATE EXTENSIONS",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET lock_configuration",
    "SET python_enable_replacements = true",
    "SET temp_directory = '{here}/out'",
    "PRAGMA enable_profiling",
    "PRAGMA profiling_output = '{here}/out.json'",
    "CALL enable_logging(storage = 'file', storage_config = {{'path': '{here}/out'}})",
    "FROM enable_logging(storage = 'file', storage_config = {{'path': '{here}/out'}})",
    "CREATE PERSISTENT SECRET mine (TYPE http, BEARER_TOKEN 'x')",
    "CREATE SECRET mine (TYPE http, BEARER_TOKEN 'x')",
    "SELECT getenv('HOME')",
    "FROM a_frame_of_this_process",
    "USE memory",
]


@pytest.mark.parametrize("sql", WRITES + FILES + SETTINGS)
def test_sql_that_does_more_than_read_the_store_is_refused_in_one_line(store, here, sql):
    a_frame_of_this_process = pq.read_table(here / "in.parquet")  # noqa: F841
    before, size = listing(here), store.stat().st_size
    with pytest.raises(ConfigError, match="^sql: ") as caught:
        ask(store, sql.format(here=here))
    assert "\n" not in str(caught.value)
    assert listing(here) == before
    assert store.stat().st_size == size


# A secret that is not persistent lives and dies with the connection.
@pytest.mark.parametrize("sql", [sql for sql in FILES + SETTINGS if not sql.startswith("CREATE SECRET")])
def test_the_walls_hold_whatever_kind_of_statement_it_is(store, here, sql, monkeypatch):
    class Any:
        def __contains__(self, _):
            return True

    monkeypatch.setattr("passk.store.sql._READS", Any())
    test_sql_that_does_more_than_read_the_store_is_refused_in_one_line(store, here, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) AS n FROM steps",
        "FROM leaderboard",
        "WITH one AS (SELECT 1 AS a) FROM one;",
        "VALUES (1)",
        "DESCRIBE groups",
        "SHOW TABLES",
        "SUMMARIZE groups",
        "EXPLAIN SELECT 1",
        "PIVOT pass_at_k ON k USING first(pass_at_k) GROUP BY checkpoint, benchmark",
        "SELECT pass_at_k(32, 3, 8) AS chance",
    ],
)
def test_whatever_reads_the_store_is_answered(store, sql):
    answer = ask(store, sql)
    assert len(answer.rows()) >= 1
    assert answer.columns


def test_wrong_sql_is_one_line_with_the_nearest_name(store):
    with pytest.raises(ConfigError, match=r'^sql: Catalog Error: .*Did you mean "leaderboard"\?; correct the query$'):
        ask(store, "FROM leaderbord")


@pytest.mark.parametrize(
    "sql", ["SELECT response::INTEGER FROM samples", "SELECT error(repeat(response, 9999)) FROM samples"]
)
def test_an_error_has_no_control_character_of_a_model_and_ends(store, sql):
    where = " WHERE response LIKE '%script%'"
    with pytest.raises(ConfigError) as caught:
        ask(store, sql + where)
    assert "\\x1b[31mD" in str(caught.value)
    assert str(caught.value).isprintable() and len(str(caught.value)) <= LONGEST


def passk_sql(filed_once, *words):
    return CliRunner().invoke(app, ["sql", *words, "--runs", str(filed_once.runs)])


QUERY = (
    "SELECT stage, k, pass_at_k, 'nan'::DOUBLE AS x, NULL AS y, DATE '2026-11-21' AS d "
    "FROM learning_curves ORDER BY ALL"
)


def test_a_program_gets_json_that_it_can_read(filed_once):
    done = passk_sql(filed_once, QUERY, "--format", "json")
    rows = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(name))
    expected = ask(filed_once.store, QUERY).rows()
    assert [row["stage"] for row in rows] == [row[0] for row in expected]
    assert rows[0]["pass_at_k"] == {str(k): value for k, value in expected[0][2].items()}
    assert (rows[0]["x"], rows[0]["y"], rows[0]["d"]) == (None, None, "2026-11-21")
    assert len({row["stage"] for row in rows}) == 4


def test_a_program_gets_csv_with_every_row_and_the_text_as_it_is(filed_once):
    done = passk_sql(filed_once, "SELECT response, correct FROM samples", "--format", "csv")
    head, *rows = csv.reader(io.StringIO(done.stdout))
    assert head == ["response", "correct"]
    assert len(rows) == 4 * 2 * 16 * 16
    assert any(row[0] == HOSTILE for row in rows)


def test_a_program_gets_parquet_of_the_same_rows_and_types(filed_once):
    done = passk_sql(filed_once, "FROM pass_at_k ORDER BY ALL", "--format", "parquet")
    table = pq.read_table(io.BytesIO(done.stdout_bytes))
    assert table.equals(ask(filed_once.store, "FROM pass_at_k ORDER BY ALL").table)


def test_two_columns_of_one_name_are_no_json(filed_once):
    done = passk_sql(filed_once, "SELECT 1 AS a, 2 AS a", "--format", "json")
    assert "several columns are named 'a'" in str(done.exception)


def test_a_person_gets_a_table_without_a_control_character_of_a_model(filed_once):
    query = f"SELECT response AS \"{HOSTILE}\", response FROM samples WHERE response LIKE '%script%' LIMIT 3"
    done = passk_sql(filed_once, query)
    lines = done.stdout.splitlines()
    assert len(lines) == 2 + 3 + 1
    assert all(character.isprintable() for line in lines for character in line)
    assert all("\\x1b[31mD" in line for line in (lines[0], *lines[2:5]))


def test_a_sum_of_whole_numbers_is_a_number():
    rows = [(Decimal("11"),), (Decimal("1.5"),)]
    assert json.loads(store_cli.as_json(["total"], rows)) == [{"total": 11}, {"total": 1.5}]
    assert store_cli.as_table(["total"], rows).splitlines()[2:4] == ["   11", "  1.5"]


def test_a_table_is_aligned_cut_and_counted():
    shown = store_cli.as_table(["name", "n"], [("a" * 100, 1), ("b", 22.5), ("c", None)])
    head, estimator, first, second, _, count = shown.splitlines()
    assert len({len(head), len(estimator), len(first), len(second)}) == 1
    assert first.startswith("a" * 59 + "…")
    assert second.endswith("22.5")
    assert count == "(3 rows)"
    many = store_cli.as_table(["n"], [(i,) for i in range(1234)]).splitlines()
    assert len(many) == 2 + store_cli.ROWS + 1
    assert many[-1] == "(1,234 rows, the first 100 are shown; --format csv prints all)"


def test_nobody_filed_yet_is_one_line(tmp_path):
    done = CliRunner().invoke(app, ["sql", "SELECT 1", "--runs", str(tmp_path)])
    assert "there is no store yet" in str(done.exception)


def test_ingest_of_a_directory_that_is_not_there_makes_none(tmp_path):
    done = CliRunner().invoke(app, ["ingest", "--runs", str(tmp_path / "none")])
    assert str(done.exception).startswith("runs: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("again", [[], ["--rebuild"]])
def test_a_stage_that_is_not_finished_is_left_out_and_no_failure(run, again):
    (run.directory / "stages" / "key-pass1" / "manifest.json").unlink()
    done = CliRunner().invoke(app, ["ingest", "--runs", str(run.runs), *again])
    assert done.exit_code == 0
    assert "key-pass1" in done.stderr and done.stderr.startswith("left out: ") and done.stderr.count("\n") == 1


def test_what_ingest_skips_is_said_on_standard_error_and_by_its_status(run):
    done = CliRunner().invoke(app, ["ingest", "--runs", str(run.runs)])
    assert (done.exit_code, done.stderr) == (0, "")
    run.store.unlink()
    (run.evaluations()[0] / "samples.parquet").write_bytes(b"half of it")
    for again in ([], ["--rebuild"]):
        done = CliRunner().invoke(app, ["ingest", "--runs", str(run.runs), *again])
        assert done.exit_code == 1
        assert done.stderr.startswith("skipped: ") and done.stderr.count("\n") == 1
        assert done.stdout.startswith("store: ")
