"""What a resume takes: the newest checkpoint that is whole, whatever a crash left beside it."""

import os
import random
from pathlib import Path

import pytest
import yaml

from passk.base.randomness import seed_of
from passk.experiment import config
from passk.openrlhf import checkpoints, flags
from passk.openrlhf.checkpoints import SEAL, repair, seal
from tests.unit.experiment.test_config import GOOD


def written(root, step, size=300_000):
    """A checkpoint as DeepSpeed writes one, not sealed."""
    directory = root / f"global_step{step}"
    (directory / "shards").mkdir(parents=True)
    (directory / "weights.pt").write_bytes(random.Random(step).randbytes(size))
    (directory / "shards" / "optimizer.pt").write_bytes(random.Random(-step).randbytes(2 * size))
    (root / "latest").write_text(directory.name)
    return directory


def sealed(root, step, **options):
    directory = written(root, step, **options)
    seal(directory)
    return directory


def truncate(checkpoint):
    with (checkpoint / "shards" / "optimizer.pt").open("r+b") as file:
        file.truncate(1000)


def flip_a_bit(checkpoint):
    with (checkpoint / "weights.pt").open("r+b") as file:
        file.seek(123_456)
        byte = file.read(1)
        file.seek(123_456)
        file.write(bytes([byte[0] ^ 1]))


DAMAGE = {
    "never sealed": lambda checkpoint: (checkpoint / SEAL).unlink(),
    "half a seal": lambda checkpoint: (checkpoint / SEAL).write_text('{"weights.pt": [300'),
    "a seal of something else": lambda checkpoint: (checkpoint / SEAL).write_text("[]"),
    "an empty seal": lambda checkpoint: (checkpoint / SEAL).write_text("{}"),
    "a seal of lists without end": lambda checkpoint: (checkpoint / SEAL).write_text("[" * 100_000),
    "a seal that is a directory": lambda checkpoint: ((checkpoint / SEAL).unlink(), (checkpoint / SEAL).mkdir()),
    "a file that is gone": lambda checkpoint: (checkpoint / "weights.pt").unlink(),
    "a file cut short": truncate,
    "an empty file": lambda checkpoint: (checkpoint / "weights.pt").write_bytes(b""),
    "a bit": flip_a_bit,
}


def test_the_files_of_a_checkpoint_and_their_names_are_on_the_disk_before_its_seal(tmp_path, flushed):
    checkpoint = sealed(tmp_path, 4)
    place = next(number for number, path in enumerate(flushed) if SEAL in path.name)
    files = {checkpoint / "weights.pt", checkpoint / "shards" / "optimizer.pt"}
    assert {*files, checkpoint / "shards", checkpoint} <= set(flushed[:place])


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("kind", ["rl", "sft"])
def test_a_damaged_checkpoint_is_taken_away_and_the_one_before_it_is_the_latest(tmp_path, damage, kind):
    root = tmp_path / "_actor" if kind == "rl" else tmp_path
    older, newer = sealed(root, 4), sealed(root, 6)
    damage(newer)
    repaired = repair(tmp_path, recorded=7)
    assert repaired.step == 4
    assert len(repaired.removed) == 1
    assert repaired.removed[0].startswith("the checkpoint of step 6 is not used: ")
    assert "\n" not in repaired.removed[0]
    assert (root / "latest").read_text() == older.name
    assert older.is_dir()
    assert not newer.exists()


def test_whole_checkpoints_are_left_as_they_are(tmp_path):
    for step in (8, 9, 10):  # 10 is the newest, though it sorts before 8 as text
        sealed(tmp_path / "_actor", step)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert repair(tmp_path, recorded=10) == checkpoints.Repaired(10, [])
    assert before == {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}


def test_latest_is_restored_when_a_crash_emptied_it(tmp_path):
    sealed(tmp_path / "_actor", 4)
    (tmp_path / "_actor" / "latest").write_text("")
    assert repair(tmp_path, recorded=4).step == 4
    assert (tmp_path / "_actor" / "latest").read_text() == "global_step4"


def test_where_no_checkpoint_is_whole_none_is_left_for_openrlhf_to_find(tmp_path):
    written(tmp_path / "_actor", 2)
    repaired = repair(tmp_path, recorded=2)
    assert (repaired.step, len(repaired.removed)) == (0, 1)
    assert not (tmp_path / "_actor").exists()


def test_a_stage_that_never_saved_has_nothing_to_fix(tmp_path):
    assert repair(tmp_path / "checkpoints", recorded=0) == checkpoints.Repaired(0, [])


def test_a_checkpoint_whose_record_is_lost_is_not_used(tmp_path):
    sealed(tmp_path / "_actor", 2)
    sealed(tmp_path / "_actor", 4)
    repaired = repair(tmp_path, recorded=3)
    assert repaired.step == 2
    assert repaired.removed == ["the checkpoint of step 4 is not used: the record ends at step 3"]


def test_a_checkpoint_half_deleted_in_a_rotation_is_taken_away(tmp_path):
    oldest, newest = sealed(tmp_path, 2), sealed(tmp_path, 4)
    (oldest / "weights.pt").unlink()
    assert repair(tmp_path, recorded=4).step == 4
    assert not oldest.exists()
    assert newest.is_dir()


def test_a_large_file_is_judged_by_its_ends_and_by_pieces_in_between(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_PIECES", 4)
    monkeypatch.setattr(checkpoints, "_PIECE", 1000)
    for place in (0, 100_000 - 100, 299_999):
        checkpoint = sealed(tmp_path / str(place), 2)
        with (checkpoint / "weights.pt").open("r+b") as file:
            file.seek(place)
            file.write(b"\0\0"[: 300_000 - place])
        assert checkpoints.fault(checkpoint) == "weights.pt does not match its hash"


@pytest.mark.parametrize(("keep", "kept"), [(1, "2"), (2, "2"), (5, "5")])
def test_a_stage_that_trains_always_keeps_one_whole_checkpoint_beside_the_one_it_writes(keep, kept):
    raw = yaml.safe_load(GOOD)
    for stage in raw["stages"].values():
        stage["keep_checkpoints"] = keep
    experiment = config.parse(raw)
    paths = flags.Paths("model", Path("data"), Path("out"))
    emitted = (
        flags.rl(experiment.stages["arm"], experiment.compute, paths, seed=1),
        flags.sft(experiment.stages["warm"], experiment.compute, paths, seed=1, max_tokens=64),
    )
    for words in emitted:
        assert words[words.index("--ckpt.max_num") + 1] == kept


def test_seeds_differ_by_whatever_they_are_made_of_and_not_by_process():
    parts = [("engine", 3, 1), ("engine", 3, 2), ("engine", 4, 1), ("policy", 3, 1), ("engine", 31)]
    seeds = [seed_of(*part) for part in parts]
    assert len(set(seeds)) == len(parts)
    assert seed_of("engine", 3, 1) == 189811820
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_what_else_lies_beside_the_checkpoints_is_left_alone(tmp_path):
    sealed(tmp_path, 4)
    (tmp_path / "global_step_old").mkdir()
    (tmp_path / "global_step9").write_text("a file")
    repaired = repair(tmp_path, recorded=9)
    assert (repaired.step, repaired.removed) == (4, [])
    assert checkpoints.newest(tmp_path) == 4
    assert (tmp_path / "global_step_old").is_dir() and (tmp_path / "global_step9").is_file()


def test_the_times_of_checkpoints_follow_their_steps_although_the_clock_of_a_node_is_behind(tmp_path):
    checkpoints_written = [sealed(tmp_path, step) for step in (9, 10, 100)]
    for hours_ahead, checkpoint in zip((1, 2, 0), checkpoints_written, strict=True):
        later = checkpoint.stat().st_mtime + 3600 * hours_ahead
        os.utime(checkpoint, (later, later))
    with checkpoints.saving(tmp_path / "global_step101"):
        # as OpenRLHF chooses the one that it deletes
        by_age = sorted(checkpoints_written, key=os.path.getmtime)
    assert by_age == checkpoints_written
    assert [checkpoints.fault(checkpoint) for checkpoint in checkpoints_written] == [None] * 3
