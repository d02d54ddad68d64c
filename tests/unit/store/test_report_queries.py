import json

import pytest

from passk.store import reading, rebuild, report_queries


def test_a_pause_in_the_clock_of_the_steps_is_found_where_it_was(run):
    metrics = run.directory / "stages" / "key-pass1" / "metrics.jsonl"
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    for number, line in enumerate(lines):
        line["time"] = 1e9 + 3 * number + (90 if number >= 7 else 0)
    metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert rebuild(run.runs).skipped == []
    with reading(run.store) as connection:
        found = report_queries.pauses(connection, run.name)
    assert [(row["name"], row["step"]) for row in found.to_dict("records")] == [("pass1", 8)]
    assert found["seconds"].iloc[0] == pytest.approx(90 + 3 - lines[7]["seconds"])


def test_what_is_known_of_each_problem_is_there_once(filed_once):
    with reading(filed_once.store) as connection:
        found = report_queries.traits(connection, filed_once.name)
    assert len(found) == len(found.drop_duplicates(["benchmark", "problem"])) == 32
    assert set(found["benchmark"]) == {"easy", "hard"}


def test_what_a_job_took_holds_its_steps_and_its_start(filed_once):
    with reading(filed_once.store) as connection:
        found = report_queries.launches(connection, filed_once.name).set_index("name")
    assert found["own"].all()
    assert found.loc["pass1", "step_seconds"] == pytest.approx(18 * 2.6)
    assert (found.loc["pass1", "wall_seconds"], found.loc["pass1", "startup_seconds"]) == (61.0, 21.5)
