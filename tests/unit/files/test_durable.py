"""Writes are complete or absent. A full disk is reported in one line and loses nothing."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from passk import problems
from passk.base.errors import PasskError
from passk.evaluation.generate import Shard
from passk.evaluation.shards import Shards
from passk.experiment.advantage_schedule import AdvantageSchedule
from passk.experiment.k_schedule import Schedule
from passk.files import durable
from passk.files.layout import EvaluationRecord, write_json
from passk.files.schema import SAMPLE_COLUMNS
from passk.openrlhf import checkpoints
from passk.openrlhf.settings import PluginSettings
from passk.openrlhf.step_recorder import MetricsLog, StepRecorder, read_metrics
from passk.problems import Problem
from passk.store import ingest_items, items, rebuild
from tests.unit.openrlhf.test_checkpoints import sealed
from tests.unit.openrlhf.test_step_recorder import ONE_STEP, Letters, rollouts
from tests.unit.store.one_item import ingest_stage
from tests.unit.store.test_ingest import contents

REASON = {"full": "No space left on device", "limit": "File too large"}


@contextmanager
def no_file_above(size):
    """This process's limit of a file's size, in bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


class Disk:
    """A directory whose disk can be made full: a small one of its own, or this process's limit of a file's size."""

    def __init__(self, directory: Path, kind: str) -> None:
        self.directory, self.kind = directory, kind

    @contextmanager
    def full(self):
        if self.kind == "full":
            filler = self.directory / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError:
                    pass
            try:
                yield
            finally:
                filler.unlink()
        else:
            with no_file_above(20):
                yield

    @contextmanager
    def refuses(self):
        """Full; what is done inside has to fail with one line that tells why."""
        with self.full(), pytest.raises(PasskError) as failure:
            yield
        message = str(failure.value)
        assert REASON[self.kind] in message
        assert "\n" not in message
        assert str(self.directory) in message


@pytest.fixture(params=["full", "limit"])
def small(request, tmp_path):
    directory = tmp_path / "disk"
    directory.mkdir()
    if request.param == "limit":
        yield Disk(directory, "limit")
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", directory], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a small disk; the limit of a file's size stands in")
    try:
        yield Disk(directory, "full")
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_json_file_keeps_what_it_held_and_nothing_half_is_left(small):
    file = small.directory / "stage.json"
    write_json(file, {"step": 1})
    with small.refuses():
        write_json(file, {"step": 2, "text": "x" * 10_000})
    assert names(small.directory) == ["stage.json"]
    assert '"step": 1' in file.read_text()


def test_problems_that_do_not_fit_leave_no_file(small):
    many = [Problem(f"p{i}", "x" * 400, "1", "math", "train", "easy", "", {}) for i in range(20)]
    with small.refuses():
        problems.save(many, small.directory / "set.parquet")
    assert names(small.directory) == []
    problems.save(many, small.directory / "set.parquet")
    assert len(problems.load(small.directory / "set.parquet")) == 20


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path):
    durable.write_text(tmp_path / "new" / "file", "old")
    with pytest.raises(ZeroDivisionError), durable.written(tmp_path / "new" / "file") as file:
        file.write(b"half")
        1 / 0  # noqa: B018
    assert (tmp_path / "new" / "file").read_text() == "old"
    assert names(tmp_path / "new") == ["file"]


def test_a_killed_write_changes_nothing_and_the_next_one_removes_its_rest(tmp_path):
    file = tmp_path / "file"
    durable.write_text(file, "old")
    script = (
        "import os, sys, pathlib; from passk.files import durable\n"
        "with durable.written(pathlib.Path(sys.argv[1])) as output:\n"
        "    output.write(b'half'); output.flush(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(file)]).returncode == -signal.SIGKILL
    assert file.read_text() == "old"
    assert len(names(tmp_path)) > 1
    durable.write_text(file, "new")
    assert (names(tmp_path), file.read_text()) == (["file"], "new")


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_everything_is_on_the_disk_before_the_name_and_the_name_before_the_end(tmp_path, monkeypatch, kind):
    source, target, done = tmp_path / "fresh", tmp_path / "there" / "final", []
    target.parent.mkdir()
    contents = [source] if kind == "file" else [source / "a", source / "b", source]
    for path in contents:
        if path is not source or kind == "file":
            path.parent.mkdir(exist_ok=True)
            path.write_text("x")
    flush, replace = os.fsync, Path.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (done.append(str(Path(f"/proc/self/fd/{handle}").readlink())), flush(handle))
    )
    monkeypatch.setattr(Path, "replace", lambda path, to: (done.append("rename"), replace(path, to)))
    durable.move(source, target)
    assert done == [*map(str, contents), "rename", str(target.parent)]


def test_the_record_keeps_its_steps_and_goes_on_where_it_stopped(small):
    recorder = StepRecorder(PluginSettings(AdvantageSchedule.of("grpo"), Schedule.of(1), {}, small.directory))
    recorder.write(1, ONE_STEP, {}, 1.5, Letters())
    many = rollouts([[0] * 100] * 10, [[token % 4 for token in range(i % 50)] for i in range(1000)])
    with small.refuses():
        recorder.write(2, many, {}, 1.5, Letters())
    recorder.forget_after(1)
    recorder.write(2, many, {}, 1.5, Letters())
    assert [line["step"] for line in read_metrics(small.directory / "metrics.jsonl")] == [1, 2]
    assert names(small.directory / "rollouts") == ["step-000001.parquet", "step-000002.parquet"]


def test_a_line_of_metrics_that_did_not_fit_is_no_line(small):
    log = MetricsLog(small.directory)
    log.write({"step": 1})
    with small.refuses():
        for step in range(2, 2000):
            log.write({"step": step})
    steps = [line["step"] for line in read_metrics(log.path)]
    assert steps == list(range(1, len(steps) + 1))


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before_it_and_its_room(small):
    import torch

    older = sealed(small.directory / "_actor", 2)
    newer = small.directory / "_actor" / "global_step4"
    with small.refuses(), checkpoints.saving(newer):
        newer.mkdir()
        torch.save({"weights": torch.zeros(30_000_000)}, newer / "weights.pt")  # more than the disk
    assert not newer.exists()
    assert checkpoints.repair(small.directory, recorded=3) == checkpoints.Repaired(2, [])
    assert checkpoints.fault(older) is None


def test_an_error_that_is_not_the_disks_stays_what_it_is(tmp_path):
    with pytest.raises(ZeroDivisionError), checkpoints.saving(tmp_path / "_actor" / "global_step4"):
        1 / 0  # noqa: B018
    with pytest.raises(PermissionError), durable.telling_when_full(tmp_path):
        raise PermissionError(13, "Permission denied")
    assert not list(tmp_path.iterdir())


def test_samples_that_do_not_fit_leave_the_parts_before_them_and_the_evaluation_unfinished(small):
    record = EvaluationRecord("key", "small", "warm", "stage", "test", "problems", {"samples": 1000}, 1, {})
    shards = Shards(small.directory / "key", ["first", "second"])
    shards.add(samples("first"))
    with small.refuses():
        shards.add(samples("second"))
    shards = Shards(small.directory / "key", ["first", "second"])
    assert [len(shards.missing(problem, 1000)) for problem in ("first", "second")] == [0, 1000]
    shards.add(samples("second"))
    with small.refuses():
        shards.seal(record)
    assert names(small.directory / "key") == ["shards"]
    shards.seal(record)
    assert names(small.directory / "key") == ["manifest.json", "samples.parquet"]


def samples(problem: str) -> Shard:
    row = {"problem": problem, "response": "x", "correct": False, "extracted": "", "reason": "", "finish_reason": ""}
    numbers = {"score": 0.0, "tokens": 1, "seed": 1, "logprob": 0.0}
    same = {name: [value] * 1000 for name, value in (row | numbers).items()} | {"sample": list(range(1000))}
    return Shard(columns={name: same[name] for name in SAMPLE_COLUMNS})


def test_the_store_keeps_what_was_filed_and_takes_the_rest_when_there_is_room(small, run):
    store = small.directory / "passk.duckdb"
    first, second, *_ = run.stages()
    ingest_stage(store, first)
    before = contents(store)
    stage = small.directory / "stage"
    shutil.copytree(second, stage)
    with small.refuses():
        ingest_stage(store, stage)
    assert contents(store) == before
    ingest_stage(store, stage)
    assert len(contents(store)["stages"]) == 2


@pytest.fixture(scope="module")
def large(tmp_path_factory, run_factory):
    """A store whose rows take more room than its empty tables."""
    run = run_factory(tmp_path_factory.mktemp("large") / "runs", name="passk", problems=32, samples=48)
    assert rebuild(run.runs).skipped == []
    return run


@pytest.mark.parametrize("share", [0.05, 0.25, 0.999])
def test_a_store_that_cannot_be_made_again_stays_the_one_that_it_was(large, share):
    before, listed = large.store.read_bytes(), names(large.runs)
    with no_file_above(int(len(before) * share)), pytest.raises(PasskError, match="File too large") as failure:
        rebuild(large.runs)
    assert "\n" not in str(failure.value)
    assert names(large.runs) == listed
    assert large.store.read_bytes() == before


@pytest.mark.parametrize("share", [0.05, 0.25])
def test_a_piece_is_not_called_damaged_because_the_disk_is_full(large, tmp_path, share):
    store = tmp_path / "passk.duckdb"
    room = int(large.store.stat().st_size * share)
    with no_file_above(room), pytest.raises(PasskError, match="File too large"):
        ingest_items(store, items(large.runs))
    assert names(tmp_path) in ([], ["passk.duckdb"], ["passk.duckdb", "passk.duckdb.wal"])
    assert ingest_items(store, items(large.runs)).skipped == []
    assert ingest_items(store, items(large.runs)).new == {}
