import sys

import duckdb
import pyarrow.parquet as pq
import pytest

from passk.base.errors import ConfigError, PasskError
from passk.store import export, reading
from passk.store.export import relations


def test_every_table_and_view_is_there_with_every_row(filed_once, tmp_path):
    names = export(filed_once.store, tmp_path / "it's out")
    with reading(filed_once.store) as connection:
        assert names == [name for name, _ in relations(connection)]
        assert {"rollouts", "samples", "groups", "costs", "leaderboard", "pass_at_k"} <= set(names)
        for name in names:
            columns = connection.execute(f"DESCRIBE {name}").fetchall()
            rows = connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            table = pq.read_table(tmp_path / "it's out" / f"{name}.parquet")
            assert (table.num_rows, table.column_names) == (rows, [column[0] for column in columns])
            assert rows


def test_the_parquet_makes_the_store_again_elsewhere(filed_once, tmp_path):
    export(filed_once.store, tmp_path / "out")
    query = "SELECT stage, step, problem, occurrence, c, k, zero_advantage FROM {} ORDER BY ALL"
    with duckdb.connect() as elsewhere, reading(filed_once.store) as connection:
        found = elsewhere.execute(query.format(f"'{tmp_path}/out/groups.parquet'")).fetchall()
        assert found == connection.execute(query.format("groups")).fetchall()


def test_a_directory_with_something_in_it_is_left_alone(filed_once, tmp_path):
    (tmp_path / "kept.txt").write_text("kept")
    with pytest.raises(ConfigError, match="exists and is not empty"):
        export(filed_once.store, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_what_cannot_be_written_whole_leaves_nothing(filed_once, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[relations.__module__], "relations", lambda _: [("steps", ""), ("nowhere", "")])
    with pytest.raises(PasskError, match="nowhere"):
        export(filed_once.store, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
