"""dev/chaos.py fails where something was lost: what it counts, and what it makes of the counts."""

import shutil

import pyarrow
import pyarrow.parquet
import pytest

from dev import chaos
from dev.chaos import Campaign
from dev.chaos_kill import Kill
from dev.chaos_run import REBUILD, Run, Standing, left_in, samples_on_disk
from dev.chaos_setups import NAME, SETUPS, write
from dev.chaos_store import Compared, differences, finished_rows, rows_lost
from passk.experiment import config
from passk.experiment.validate import check
from passk.store.connection import turn
from tests.unit.each import every

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
    for name, shards in {"one": (3, 4), "two": (5,)}.items():
        (tmp_path / "evaluations" / name / "shards").mkdir(parents=True)
        (tmp_path / "evaluations" / name / "evaluation.json").write_text("{}")
        for number, rows in enumerate(shards):
            file = tmp_path / "evaluations" / name / "shards" / f"{number:06d}.parquet"
            pyarrow.parquet.write_table(pyarrow.table({"sample": list(range(rows))}), file)
    assert samples_on_disk(tmp_path) == 12
    sealed = tmp_path / "evaluations" / "one"
    pyarrow.parquet.write_table(pyarrow.table({"sample": list(range(7))}), sealed / "samples.parquet")
    (sealed / "manifest.json").write_text("{}")
    assert samples_on_disk(tmp_path) == 12
    shutil.rmtree(sealed / "shards")
    assert samples_on_disk(tmp_path) == 12


def killed(kind="driver", stage="93d9", lost=0, kinds=()):
    return Kill("one engine", [kind, *kinds], "SIGKILL", vars(Standing(1, stage, 9, 5, 64)), lost, 1.0, False)


@every(
    ("kind", "stage", "lost", "too_much"),
    [("driver", "93d9", 5, False), ("driver", "93d9", 6, True), ("sampler", "", 0, False), ("sampler", "", 1, True),
     (REBUILD, "93d9", 1, True)],
)  # fmt: skip
def test_only_work_since_the_last_checkpoint_may_be_lost(kind, stage, lost, too_much):
    assert killed(kind, stage, lost).too_much == too_much


@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.name)
def test_the_experiment_of_each_setup_is_one_that_passk_takes(tmp_path, monkeypatch, setup):
    monkeypatch.chdir(tmp_path)
    described = config.load(write(tmp_path, setup, seed=3))
    check(described)
    assert described.compute.deterministic == setup.deterministic


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A campaign whose experiments are done as soon as they begin, and what of each is found."""
    found = {"left": [], "files": [], "apart": 0, "lost": 0}

    def ended(run):
        run.ended = True

    def disturbed(run, campaign, _):
        campaign.kills.append(killed(lost=found["lost"]))
        run.ended = True

    monkeypatch.setattr(Run, "keep_going", ended)
    monkeypatch.setattr(Run, "_join_cluster", lambda _: None)
    monkeypatch.setattr(Run, "left", lambda _: found["left"])
    monkeypatch.setattr(chaos, "END_SECONDS", 0.0)
    monkeypatch.setattr(chaos, "_disturb", disturbed)
    monkeypatch.setattr(chaos, "left_in", lambda *_: found["files"])
    monkeypatch.setattr(chaos, "differences", lambda *_: [Compared("steps", 3, 3, found["apart"])])
    return Campaign(tmp_path, 0, SETUPS[:1], 1), found


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [("left", ["7 python"], "process left: 7 python"), ("files", ["runs/.tmp"], "file left: runs/.tmp"),
     ("apart", 2, "steps: 2 rows in one store alone"), ("lost", 6, "6 lost by killing driver")],
)  # fmt: skip
def test_what_is_left_differs_or_is_lost_fails_the_bench(finished, field, value, fault):
    campaign, found = finished
    found[field] = value
    chaos.round_of(campaign)
    assert campaign.faults == [f"round 1: {fault}"]


def test_a_campaign_that_was_stopped_continues_with_what_it_has(finished):
    campaign, _ = finished
    chaos.round_of(campaign)
    assert campaign.faults == []
    again = Campaign(campaign.directory, 0, SETUPS[:2], 4)
    assert (again.kills, again.rounds) == (campaign.kills, campaign.rounds)
    assert not again.is_done
    again.kills.append(killed("sampler", "", kinds=["guard"]))
    assert dict(again.hits()) == {"sampler": 1}, "of the round that is on, by the kind that was drawn"
    assert again.kills_left(again.hits())
    again.kills.append(killed())
    assert not again.kills_left(again.hits()), "two of four for each of two setups"


def test_unfinished_files_of_a_run_and_of_tmpdir_are_told_and_finished_ones_are_not(tmp_path):
    stage = tmp_path / "runs" / NAME / "stages" / "key"
    scratch = tmp_path / "t"
    for path in ("checkpoints", "rollouts", "model"):
        (stage / path).mkdir(parents=True)
    (tmp_path / "runs" / ".locks").mkdir()
    (scratch / "passk-12").mkdir(parents=True)
    (scratch / "torch-cache").mkdir()
    for file in (stage / ".writer", stage / ".alive-job", stage / "rollouts" / "step-000001.tmp", stage / "log.txt",
                 tmp_path / "runs" / ".locks" / ".key", tmp_path / "runs" / ".passk.duckdb.7"):  # fmt: skip
        file.write_text("")
    assert sorted(left_in(tmp_path, scratch)) == [
        "runs/.passk.duckdb.7",
        f"runs/{NAME}/stages/key/.alive-job",
        f"runs/{NAME}/stages/key/checkpoints",
        f"runs/{NAME}/stages/key/rollouts/step-000001.tmp",
        "t/passk-12",
    ]
