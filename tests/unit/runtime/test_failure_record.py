"""A process that fails records kind and reason; passk reads the log only without a record."""

import errno
import json
import subprocess
import sys

import pytest

from passk.base.errors import ConfigError, PasskError
from passk.files import layout
from passk.runtime import failure_record, follow
from passk.runtime.failures import Failure, StageFailed


class OutOfMemoryError(RuntimeError):
    """As torch names it."""


class ActorDiedError(Exception):
    """As Ray names it."""


class RayTaskError(Exception):
    """As Ray raises an actor's exception in the driver."""

    def __init__(self, cause):
        super().__init__("ray::PasskTrainer.fit() (pid=811)\nTraceback ...")
        self.cause = cause


class NotLoaded(Exception):
    pass


def raised_from(error, cause):
    error.__cause__ = cause
    return error


REFUSED = ConfigError("--passk.k", "not a whole number", "write one")
CUDA = OutOfMemoryError("CUDA out of memory. Tried to allocate 2.32 GiB.\nSee documentation")
CASES = [
    (REFUSED, "configuration", str(REFUSED)),
    (RayTaskError(REFUSED), "configuration", str(REFUSED)),
    (RayTaskError(RayTaskError(KeyError("reward"))), "code", "KeyError: 'reward'"),
    (
        PasskError("metrics.jsonl: No space left on device; free space"),
        "disk",
        "metrics.jsonl: No space left on device",
    ),
    (PasskError("a worker died, Connection reset by peer"), "code", "a worker died, Connection reset by peer"),
    (CUDA, "memory", "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.32 GiB."),
    (RayTaskError(CUDA), "memory", "OutOfMemoryError: CUDA out of memory."),
    (MemoryError(), "memory", "MemoryError"),
    (OSError(errno.ENOSPC, "No space left on device"), "disk", "OSError: [Errno 28]"),
    (OSError(errno.EFBIG, "File too large"), "disk", "OSError: [Errno 27]"),
    (OSError("nobody/nothing is not a local folder"), "configuration", "OSError: nobody/nothing"),
    (ValueError("x" * 5000), "code", "ValueError: xxx"),
    (NotLoaded("vLLM cannot load it"), "code", "NotLoaded: vLLM cannot load it"),
    (raised_from(NotLoaded("vLLM cannot load it"), CUDA), "memory", "OutOfMemoryError: CUDA"),
    # the effect of another process's end
    (RayTaskError(ActorDiedError("The actor died unexpectedly before finishing this task.")), None, ""),
    (RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer"), None, ""),
    (RuntimeError("Engine core initialization failed. See root cause above."), None, ""),
    (RayTaskError(None), None, ""),
]


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv(failure_record.VARIABLE, str(layout.failure(tmp_path)))
    return layout.failure(tmp_path)


@pytest.mark.parametrize(("error", "kind", "reason"), CASES)
def test_a_process_records_its_own_failure_and_not_the_effect_of_anothers(file, capsys, error, kind, reason):
    ours = isinstance(getattr(error, "cause", error), PasskError)
    with pytest.raises(SystemExit if ours else type(error)) as ended, failure_record.recorded():
        raise error
    if ours:
        cause = getattr(error, "cause", error)
        assert ended.value.code == (2 if isinstance(cause, ConfigError) else 1)
        assert capsys.readouterr().err == f"passk: {cause}\n"
    recorded = failure_record.read(file.parent)
    assert (recorded and recorded.kind) == kind
    if recorded:
        assert recorded.reason.startswith(reason)
        assert "\n" not in recorded.reason and len(recorded.reason) <= 300
    assert [path.name for path in file.parent.iterdir()] == (["failure.json"] if kind else [])


def test_an_error_that_causes_itself_ends(file):
    error = NotLoaded("vLLM cannot load it")
    with pytest.raises(NotLoaded), failure_record.recorded():
        raise error from RayTaskError(error)
    assert failure_record.read(file.parent) is None


def test_without_the_variable_nothing_is_recorded(tmp_path, monkeypatch):
    monkeypatch.delenv(failure_record.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyError), failure_record.recorded():
        raise KeyError("reward")
    assert list(tmp_path.iterdir()) == []


def test_the_first_failure_stays_except_that_a_root_cause_replaces_an_exception(file):
    code, memory, disk = Failure("code", "KeyError: 1"), Failure("memory", "CUDA"), Failure("disk", "full")
    for failure, kept in ((code, code), (Failure("code", "later"), code), (memory, memory), (disk, memory)):
        failure_record.write(file, failure)
        assert failure_record.read(file.parent) == kept


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "3", '{"kind": "code"}', '{"kind": "other", "reason": "x"}', '{"kind": [], "reason": "x"}',
     '{"kind": "code", "reason": 3}', "[" * 100_000],
)  # fmt: skip
def test_a_damaged_record_is_none(file, content):
    file.write_text(content)
    assert failure_record.read(file.parent) is None


def run(directory, code):
    command = [sys.executable, "-c", code]
    follow.run(command, environment={"PYTHONPATH": "."}, directory=directory, stall_timeout_s=60)


def test_passk_reports_the_record_of_this_attempt_and_without_one_the_log(file, monkeypatch):
    monkeypatch.delenv(failure_record.VARIABLE)
    recording = "from passk.runtime import failure_record\nwith failure_record.recorded(): raise KeyError('reward')"
    echo = "print('RuntimeError: CUDA out of memory', flush=True); "
    with pytest.raises(StageFailed, match=r"^KeyError: 'reward'; see .*log\.txt$") as failed:
        run(file.parent, echo + f"exec({recording!r})")
    assert failed.value.kind == "code"
    assert json.loads(file.read_text()) == {"kind": "code", "reason": "KeyError: 'reward'"}
    with pytest.raises(StageFailed, match="signal 9") as failed:
        run(file.parent, "import os; os.kill(os.getpid(), 9)")
    assert failed.value.kind == "lost"
    with pytest.raises(StageFailed, match="^RuntimeError: CUDA out of memory") as failed:
        run(file.parent, echo + "import os; os.kill(os.getpid(), 9)")
    assert failed.value.kind == "memory"
    assert not file.exists()


def test_the_entry_points_of_training_and_evaluation_record(file):
    for module, words in (
        ("passk.openrlhf", ["--passk.advantage", "grpo", "--passk.k", "four"]),
        ("passk.evaluation.evaluate", [str(file.with_name("none.json"))]),
    ):
        file.unlink(missing_ok=True)
        assert subprocess.run([sys.executable, "-m", module, *words], capture_output=True).returncode != 0
        assert failure_record.read(file.parent)


def test_a_full_disk_is_the_cause_where_no_record_and_no_log_could_be_written(tmp_path, monkeypatch):
    assert failure_record.cause(tmp_path) is None

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    cause = failure_record.cause(tmp_path)
    assert cause.kind == "disk" and "No space left on device; free space and repeat the command" in cause.reason
    monkeypatch.undo()
    failure_record.write(layout.failure(tmp_path), Failure("memory", "too little"))
    assert failure_record.cause(tmp_path) == Failure("memory", "too little")
    assert failure_record.cause(tmp_path / "none") is None
