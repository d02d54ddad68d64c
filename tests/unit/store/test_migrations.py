"""Stores of earlier versions, made by applying the older migrations and filling in the rows they had room for."""

import duckdb
import pytest

from passk.store import migrations, reading

ALL = migrations.migrations()


def tables(connection, database="passk"):
    """Table -> its columns."""
    rows = connection.execute(
        "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        "WHERE database_name = ? AND schema_name = 'main' AND table_name IN "
        "(SELECT table_name FROM duckdb_tables() WHERE table_name <> '_migrations') GROUP BY 1",
        [database],
    ).fetchall()
    return dict(rows)


def rows(connection, columns_of):
    """Every row of every table, as far as `columns_of` names its columns."""
    return {
        table: sorted(map(repr, connection.execute(f"SELECT {quoted(columns)} FROM {table}").fetchall()))
        for table, columns in columns_of.items()
    }


def quoted(columns):
    return ", ".join(f'"{column}"' for column in columns)


def store_of(version, newest, path, monkeypatch):
    """A store as the passk that knew migrations up to `version` left it, with the rows of the store `newest`."""
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "migrations", lambda: ALL[:version])
        with duckdb.connect(str(path)) as connection:
            assert len(migrations.apply(connection)) == version
            connection.execute(f"ATTACH '{newest}' AS newest (READ_ONLY)")
            for table, columns in tables(connection, path.stem).items():
                connection.execute(
                    f"INSERT INTO {table} ({quoted(columns)}) SELECT {quoted(columns)} FROM newest.{table}"
                )
    return path


@pytest.mark.parametrize("version", range(1, len(ALL)))
def test_a_store_of_every_earlier_version_migrates_and_keeps_every_row(filed, tmp_path, monkeypatch, version):
    old = store_of(version, filed.store, tmp_path / "passk.duckdb", monkeypatch)
    with duckdb.connect(str(old)) as connection:
        columns = tables(connection)
        before = rows(connection, columns)
    assert all(before.values()), "a table without a row keeps nothing"

    with reading(old) as connection:
        assert migrations.version_of(connection) == len(ALL)
        assert rows(connection, columns) == before


@pytest.mark.parametrize("version", range(1, len(ALL)))
def test_a_migrated_store_has_the_rows_of_one_made_again(filed, tmp_path, monkeypatch, version):
    old = store_of(version, filed.store, tmp_path / "passk.duckdb", monkeypatch)
    with reading(filed.store) as connection:
        columns = tables(connection)
        if version < 2:
            columns["steps"].remove("reasons")  # of which version 1 had no trace
        expected = rows(connection, columns)
    assert all(expected.values())
    with reading(old) as connection:
        assert rows(connection, columns) == expected


def test_a_migrated_store_says_of_everything_what_a_new_one_says(filed, tmp_path, monkeypatch):
    old = store_of(1, filed.store, tmp_path / "passk.duckdb", monkeypatch)
    said = (
        "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal "
        "UNION ALL SELECT table_name, '', '', comment FROM duckdb_tables() "
        "UNION ALL SELECT view_name, '', sql, comment FROM duckdb_views() WHERE NOT internal "
        "UNION ALL SELECT function_name, '', macro_definition, comment FROM duckdb_functions() WHERE NOT internal "
        "ORDER BY ALL"
    )
    with reading(old) as connection:
        migrated = connection.execute(said).fetchall()
    with reading(filed.store) as connection:
        assert migrated == connection.execute(said).fetchall()


@pytest.mark.parametrize("version", range(1, len(ALL)))
def test_a_migration_that_fails_leaves_the_store_of_before(filed, tmp_path, monkeypatch, version):
    old = store_of(version, filed.store, tmp_path / "passk.duckdb", monkeypatch)
    broken = migrations.Migration(version + 1, "broken", f"{ALL[version].sql}; SELECT * FROM nowhere")
    monkeypatch.setattr(migrations, "migrations", lambda: [*ALL[:version], broken])
    with duckdb.connect(str(old)) as connection:
        columns = tables(connection)
        before = rows(connection, columns)
        with pytest.raises(duckdb.Error, match="nowhere"):
            migrations.apply(connection)
    with duckdb.connect(str(old)) as connection:
        assert migrations.version_of(connection) == version
        assert tables(connection) == columns
        assert rows(connection, columns) == before


def test_a_store_that_counted_no_answer_as_one_counts_its_answers_again(filed, tmp_path, monkeypatch):
    old = store_of(8, filed.store, tmp_path / "passk.duckdb", monkeypatch)
    with reading(filed.store) as connection:
        evaluations = {"evaluations": tables(connection)["evaluations"]}
        expected = rows(connection, evaluations)
    with duckdb.connect(str(old)) as connection:
        connection.execute("UPDATE evaluations SET answers = answers + 1")
    with reading(old) as connection:
        assert rows(connection, evaluations) == expected
