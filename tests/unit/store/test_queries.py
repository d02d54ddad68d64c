import dataclasses
import json

import duckdb
import pytest

from passk.base.errors import PasskError
from passk.files.layout import write_json
from passk.store import ingest_experiment_record, queries, reading, rebuild, report_queries


def test_the_record_comes_back_as_it_was_filed(filed):
    with reading(filed.store) as connection:
        record = queries.experiment(connection, filed.name)
    assert dataclasses.asdict(record) == json.loads((filed.directory / "experiment.json").read_text())


def test_an_unknown_experiment_is_refused_with_the_nearest_name(filed):
    with reading(filed.store) as connection, pytest.raises(PasskError, match="did you mean maze-cpu"):
        queries.experiment(connection, "maze-cup")


def test_problem_counts_are_those_of_the_samples(filed, parquet):
    columns = parquet.columns(filed.directory / "evaluations" / "key-pass4-hard" / "samples.parquet")
    expected = {}
    for problem, correct in zip(columns["problem"], columns["correct"], strict=True):
        n, c = expected.get(problem, (0, 0))
        expected[problem] = (n + 1, c + correct)
    with reading(filed.store) as connection:
        frame = queries.problem_counts(connection, filed.name)
    own = frame[(frame["checkpoint"] == "pass4") & (frame["benchmark"] == "hard")]
    assert {row.problem: (row.n, row.c) for row in own.itertuples()} == expected
    assert set(own["difficulty"]) == {"hard"}


def test_steps_of_a_child_stage_count_on_from_its_parent(filed):
    with reading(filed.store) as connection:
        steps = queries.steps(connection, filed.name)
    child = steps[steps["stage"] == "pass4-pass1"]
    assert list(child["step"]) == [1, 2, 3, 4, 5, 6]
    assert list(child["total_step"]) == [13, 14, 15, 16, 17, 18]
    assert set(child["pass_at_k"].iloc[0]) == {1, 2, 4, 8, 16}


def test_what_an_earlier_configuration_sampled_is_in_no_query(filed):
    record = json.loads((filed.directory / "experiment.json").read_text())
    record["evaluations"].remove("key-pass4-hard")
    write_json(filed.directory / "experiment.json", record)
    ingest_experiment_record(filed.store, filed.directory)
    with reading(filed.store) as connection:
        for query in (queries.problem_counts, queries.evaluations):
            frame = query(connection, filed.name)
            assert ("pass4", "hard") not in set(zip(frame["checkpoint"], frame["benchmark"], strict=True))
        asked = "SELECT count(*) FROM problem_counts WHERE checkpoint = 'pass4' AND benchmark = 'hard'"
        assert connection.execute(asked).fetchone() == (0,), "docs/store.md joins this view by names"


def test_a_renamed_stage_takes_its_samples_along(filed):
    record = json.loads((filed.directory / "experiment.json").read_text())
    record["stages"]["explore"] = record["stages"].pop("pass4")
    write_json(filed.directory / "experiment.json", record)
    ingest_experiment_record(filed.store, filed.directory)
    with reading(filed.store) as connection:
        assert set(queries.evaluations(connection, filed.name)["checkpoint"]) == {
            "warm",
            "pass1",
            "explore",
            "pass4-pass1",
        }


def test_transcripts_are_the_same_every_time_and_of_every_sort(filed):
    with reading(filed.store) as connection:
        frames = [queries.transcripts(connection, filed.name, "pass4-pass1") for _ in range(2)]
    assert frames[0].equals(frames[1])
    assert {"correct", "incorrect", "truncated"} == set(frames[0]["sort"])
    assert frames[0].groupby("sort").size().max() <= 3


def test_a_transcript_shows_the_prompt_as_the_model_saw_it(filed):
    with reading(filed.store) as connection:
        before = queries.transcripts(connection, filed.name, "pass4-pass1")
    directories = sorted((filed.directory / "evaluations").iterdir())
    for directory in directories:
        record = json.loads((directory / "evaluation.json").read_text())
        more = {"prompt_format": {"before": "<user>", "after": "</user>"}, "field_of_another_version": 1}
        write_json(directory / "evaluation.json", record | more)
    assert rebuild(filed.runs).skipped == []
    with reading(filed.store) as connection:
        after = queries.transcripts(connection, filed.name, "pass4-pass1")
    assert list(after["prompt"]) == [f"<user>{prompt}</user>" for prompt in before["prompt"]]


def test_a_sum_of_fractions_does_not_depend_on_the_order_in_which_its_rows_lie(filed):
    """Its last digits would be others where the store was filled in another order, and a report other bytes."""
    shares = "MAP {'correct': 0.1 / step, 'into a wall': 1 - 0.1 / step}"
    changed = (
        "0.1 / step AS seconds, 0.1 / step AS seconds_sync, 0.3 / step AS seconds_training, "
        f"CASE WHEN k > 0 THEN {shares} END AS reasons"
    )
    found = []
    for order in ("ASC", "DESC"):
        with duckdb.connect(str(filed.store)) as connection:
            connection.execute(f"CREATE TEMP TABLE kept AS SELECT * REPLACE ({changed}) FROM steps")
            connection.execute(f"DELETE FROM steps; INSERT INTO steps FROM kept ORDER BY step {order}")
        with reading(filed.store) as connection:
            asked = (queries.stages, report_queries.launches, report_queries.reasons)
            found.append([ask(connection, filed.name).to_csv() for ask in asked])
    assert found[0] == found[1]
