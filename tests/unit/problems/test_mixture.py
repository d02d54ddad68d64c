"""The union of problem sets: each problem once, and no two under one id."""

import pytest

from passk import problems
from passk.base.errors import ConfigError
from passk.problems import mixture
from passk.problems.maze import MazeProblems


def saved(file, size, seed=1):
    problems.save(problems.generate(MazeProblems(source="maze", split="train", size=size), seed), file)
    return file


def test_a_problem_of_two_sets_stands_in_their_union_once(tmp_path):
    files = {"a": saved(tmp_path / "a.parquet", 8), "b": saved(tmp_path / "b.parquet", 4, seed=2)}
    mixture.write("stages.arm.mix", files | {"c": files["a"]}, tmp_path / "problems" / "union.parquet")
    ids = list(problems.load(tmp_path / "problems" / "union.parquet")["id"])
    assert sorted(ids) == sorted({*problems.load(files["a"])["id"], *problems.load(files["b"])["id"]})


def test_two_problems_of_one_id_are_refused_by_name(tmp_path):
    import pyarrow.parquet as parquet

    table = parquet.read_table(saved(tmp_path / "a.parquet", 4))
    changed = table.set_column(table.schema.get_field_index("answer"), "answer", [["another"] * 4])
    parquet.write_table(changed, tmp_path / "b.parquet")
    with pytest.raises(
        ConfigError, match=r"^stages\.arm\.mix: a and b have different problems with the id .*; mix sets"
    ):
        mixture.write("stages.arm.mix", {name: tmp_path / f"{name}.parquet" for name in "ab"}, tmp_path / "u.parquet")
    assert not (tmp_path / "u.parquet").exists()
