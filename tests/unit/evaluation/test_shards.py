"""Shards of an evaluation: each whole or not there, put together in the problems' order, doubles and gaps refused."""

import json

import pandas as pd
import pyarrow.parquet
import pytest

from passk.base.errors import PasskError
from passk.evaluation.generate import Shard
from passk.evaluation.shards import Shards
from passk.files.layout import EvaluationRecord, is_finished
from passk.files.schema import SAMPLE_COLUMNS
from tests.log_lines import logged_lines

N = 2
PROBLEMS = [f"p{i}" for i in range(10)]
RECORD = EvaluationRecord("key", "e", "warm", None, "test", "print", {"samples": N}, 5, {})


def shard(*problems: str) -> Shard:
    made = Shard(seconds=1.5, judging=0.25)
    for problem in problems:
        for sample in reversed(range(N)):
            values = (problem, sample, "LRÜ\n", 1.0, True, "LR", "correct", 3, "stop", 7 + sample, -0.5)
            for name, value in zip(SAMPLE_COLUMNS, values, strict=True):
                made.columns[name].append(value)
    return made


def present(shards: Shards) -> set[str]:
    return {problem for problem in PROBLEMS if not shards.missing(problem, N)}


def test_samples_of_a_problem_may_lie_in_several_shards_and_only_the_missing_ones_are_drawn(tmp_path):
    def some(problem, *samples):
        made = shard(problem)
        rows = [dict(zip(made.columns, values, strict=True)) for values in zip(*made.columns.values(), strict=True)]
        kept = [row for row in rows if row["sample"] in samples]
        return Shard(columns={name: [row[name] for row in kept] for name in SAMPLE_COLUMNS})

    first = Shards(tmp_path, PROBLEMS)
    first.add(some("p0", 1))
    again = Shards(tmp_path, PROBLEMS)
    assert (again.missing("p0", N), again.missing("p1", N)) == ([0], [0, 1])
    again.add(some("p0", 0))
    again.add(shard(*PROBLEMS[1:]))
    again.seal(RECORD)
    frame = pd.read_parquet(tmp_path / "samples.parquet")
    assert list(frame["sample"]) == list(range(N)) * 10


def test_parts_in_any_order_become_one_file_in_the_order_of_the_problems(tmp_path, monkeypatch):
    monkeypatch.setattr("passk.evaluation.shards.MERGED_SAMPLES", 3 * N)
    shards = Shards(tmp_path, PROBLEMS)
    for problems in (["p7", "p0", "p3"], [], ["p9", "p1", "p2", "p8"], ["p6", "p5", "p4"]):
        shards.add(shard(*problems))
    shards.seal(RECORD)
    frame = pd.read_parquet(tmp_path / "samples.parquet")
    assert tuple(frame.columns) == tuple(SAMPLE_COLUMNS)
    assert list(frame.problem) == [problem for problem in PROBLEMS for _ in range(N)]
    assert list(frame["sample"]) == list(range(N)) * 10
    assert set(frame.response) == {"LRÜ\n"}
    assert json.loads((tmp_path / "manifest.json").read_text()) == {
        "key": "key", "samples": 20, "tokens": 60, "reasons": {"correct": 1.0}, "seconds": 4.5, "judging_seconds": 0.75,
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "samples.parquet"]


def test_who_comes_after_a_kill_finds_what_was_written_and_nothing_half(tmp_path):
    first = Shards(tmp_path, PROBLEMS)
    first.add(shard("p0", "p1"))
    first.add(shard("p2"))
    (tmp_path / "shards" / ".000003.parquet.ab.new").mkdir()
    for half in (".000003.parquet.99", ".000003.parquet.ab.lock", ".000003.parquet.ab.new/000003.parquet"):
        (tmp_path / "shards" / half).write_bytes(b"PAR1 half of it")
    with logged_lines() as said:
        again = Shards(tmp_path, PROBLEMS)
    assert present(again) == {"p0", "p1", "p2"}
    assert (again.tokens, again.seconds) == (18, 3.0)
    again.add(shard(*PROBLEMS[3:]))
    again.seal(RECORD)
    assert len(pd.read_parquet(tmp_path / "samples.parquet")) == 20
    assert said == []


def test_a_part_that_is_damaged_is_told_and_its_problems_are_sampled_again(tmp_path):
    shards = Shards(tmp_path, PROBLEMS)
    shards.add(shard("p0"))
    shards.add(shard("p1"))
    (tmp_path / "shards" / "000001.parquet").write_bytes((tmp_path / "shards" / "000002.parquet").read_bytes()[:-20])
    with logged_lines() as said:
        again = Shards(tmp_path, PROBLEMS)
    assert present(again) == {"p1"}
    assert len(said) == 1
    assert said[0].startswith("shards/000001.parquet: damaged (")
    again.add(shard("p0"))
    assert sorted(path.name for path in (tmp_path / "shards").iterdir()) == ["000002.parquet", "000003.parquet"]


@pytest.mark.parametrize("problems", [PROBLEMS[:-1], [*PROBLEMS, "p4"]])
def test_a_sample_that_is_missing_or_there_twice_is_no_finished_evaluation(tmp_path, problems):
    shards = Shards(tmp_path, PROBLEMS)
    shards.add(shard(*problems[:5]))
    shards.add(shard(*problems[5:]))
    with pytest.raises(PasskError, match="samples of problems 1 to 10"):
        shards.seal(RECORD)
    assert not is_finished(tmp_path)
    assert not (tmp_path / "samples.parquet").exists()


def test_killed_between_the_file_and_its_manifest_it_is_put_together_again(tmp_path):
    shards = Shards(tmp_path, PROBLEMS)
    shards.add(shard(*PROBLEMS))
    (tmp_path / "samples.parquet").write_bytes(b"of the one before")
    again = Shards(tmp_path, PROBLEMS)
    assert present(again) == set(PROBLEMS)
    again.seal(RECORD)
    assert len(pd.read_parquet(tmp_path / "samples.parquet")) == 20


@pytest.mark.parametrize("metadata", [None, {}, {b"passk": b"["}, {b"passk": b"3"}, {b"passk": b'{"seconds": "x"}'}])
def test_a_part_without_what_passk_notes_in_it_is_sampled_again_and_counts_nothing(tmp_path, metadata):
    Shards(tmp_path, PROBLEMS).add(shard("p0"))
    file = tmp_path / "shards" / "000001.parquet"
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(file).replace_schema_metadata(metadata), file)
    (tmp_path / "shards" / "notes.parquet").write_bytes(b"somebody's own")
    with logged_lines() as said:
        shards = Shards(tmp_path, PROBLEMS)
    assert len(said) == 1 and said[0].startswith("shards/000001.parquet: damaged (")
    assert (present(shards), shards.tokens, shards.reasons.total(), shards.seconds) == (set(), 0, 0, 0.0)


def test_a_directory_in_place_of_a_shard_is_removed(tmp_path):
    Shards(tmp_path, PROBLEMS).add(shard("p0"))
    for name in ("000002.parquet", "000003.parquet"):
        (tmp_path / "shards" / name).mkdir()
    (tmp_path / "shards" / "000003.parquet" / "other").touch()
    assert present(Shards(tmp_path, PROBLEMS)) == {"p0"}
    assert [file.name for file in (tmp_path / "shards").iterdir()] == ["000001.parquet"]


def test_nothing_of_a_damaged_shard_counts(tmp_path):
    shards = Shards(tmp_path, PROBLEMS)
    shards.add(shard("p0", "p1"))
    file = tmp_path / "shards" / "000001.parquet"
    table = pyarrow.parquet.read_table(file)
    samples = [*table["sample"].to_pylist()[:-1], None]
    column = pyarrow.array(samples, pyarrow.int64())
    pyarrow.parquet.write_table(table.set_column(table.schema.get_field_index("sample"), "sample", column), file)
    assert present(Shards(tmp_path, PROBLEMS)) == set() and not file.exists()
