"""dev/chaos.py fails where something was lost: what it counts, and what it makes of the counts."""

import shutil

import pyarrow
import pyarrow.parquet
import pytest

from dev.chaos import Kill, Standing, judged, samples_on_disk
from dev.chaos_store import Compared, differences, finished_rows, rows_lost
from passk.store.connection import turn

STEP = "INSERT INTO steps (stage, step, reward, seconds) VALUES ('a', {step}, {reward}, {seconds})"
SESSION = "INSERT INTO costs VALUES ('maze', 'session', '{started}', 'train', 1, NULL)"


def store(file, *rows):
    with turn(file) as connection:
        for row in rows:
            connection.execute(row)
    return file


def apart(one, other):
    return {each.table: each.apart for each in differences(one, other) if each.apart}


def test_a_number_that_differs_in_its_last_digit_is_a_difference_and_a_clock_or_a_session_is_none(tmp_path):
    one = store(tmp_path / "one", STEP.format(step=1, reward=0.1, seconds=1), SESSION.format(started="now"))
    slow = store(tmp_path / "slow", STEP.format(step=1, reward=0.1, seconds=2))
    off = store(tmp_path / "off", STEP.format(step=1, reward=0.1 + 2e-17, seconds=1))
    assert apart(one, slow) == {}
    assert apart(one, off) == {"steps": 2}
    assert apart(one, store(tmp_path / "empty")) == {"steps": 1}


def test_rows_of_a_finished_stage_that_a_rebuild_lost_are_counted_and_new_ones_make_up_for_none(tmp_path):
    before = store(tmp_path / "one", *(STEP.format(step=step, reward=1, seconds=1) for step in (1, 2, 3)))
    counted = finished_rows(before)
    assert counted == {("steps", "a"): 3}
    with turn(before) as connection:
        connection.execute("DELETE FROM steps WHERE step = 2")
        connection.execute("INSERT INTO steps (stage, step) SELECT 'b', range FROM range(9)")
    assert rows_lost(counted, finished_rows(before)) == 1
    assert rows_lost(counted, counted) == 0


def test_samples_are_counted_in_parts_until_their_evaluation_is_sealed(tmp_path):
    for name, parts in {"one": (3, 4), "two": (5,)}.items():
        (tmp_path / "evaluations" / name / "parts").mkdir(parents=True)
        (tmp_path / "evaluations" / name / "evaluation.json").write_text("{}")
        for number, rows in enumerate(parts):
            file = tmp_path / "evaluations" / name / "parts" / f"{number:06d}.parquet"
            pyarrow.parquet.write_table(pyarrow.table({"sample": list(range(rows))}), file)
    assert samples_on_disk(tmp_path) == 12
    sealed = tmp_path / "evaluations" / "one"
    pyarrow.parquet.write_table(pyarrow.table({"sample": list(range(7))}), sealed / "samples.parquet")
    (sealed / "manifest.json").write_text("{}")
    assert samples_on_disk(tmp_path) == 12
    shutil.rmtree(sealed / "parts")
    assert samples_on_disk(tmp_path) == 12


@pytest.mark.parametrize(
    ("kind", "stage", "lost", "too_much"),
    [("driver", "93d9", 5, False), ("driver", "93d9", 6, True), ("evaluation", "", 0, False),
     ("evaluation", "", 1, True),
     ("ingest --rebuild", "93d9", 1, True)],
)  # fmt: skip
def test_only_work_since_the_last_checkpoint_may_be_lost(kind, stage, lost, too_much):
    assert Kill(kind, Standing(1, stage, 9, 5, 64), lost, 1.0, False).too_much == too_much


def test_processes_left_behind_and_stores_that_differ_fail_the_bench():
    same, other = Compared("steps", 3, 3, 0), Compared("steps", 3, 3, 2)
    judged(0, [same])
    with pytest.raises(SystemExit, match="1 processes left behind"):
        judged(1, [same])
    with pytest.raises(SystemExit, match="steps: 2 rows"):
        judged(0, [other])
