"""A Ray job that ends when its follower does.

A training stage is a Ray job, on passk's own cluster or on the user's. An evaluation with several engines, or on the
user's cluster, is one too.
"""

import contextlib
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from passk.base.errors import PasskError, one_line
from passk.files import durable, layout
from passk.runtime import failure_record
from passk.runtime.failures import StageFailed
from passk.runtime.job_watchdog import BEAT_SECONDS, MARK, end_jobs, job_name

if TYPE_CHECKING:
    from ray.job_submission import JobDetails

T = TypeVar("T")
POLL_SECONDS = 0.5
SUBMIT_SECONDS = 60
"""Longest wait until a new cluster has a node for the job."""
UNREACHABLE_SECONDS = 20
"""Time in which the job server refuses each request, after which the cluster's head counts as lost."""
STOP_SECONDS = 20
ANSWER_SECONDS = 60
"""Longest wait for an answer of a job server on a busy machine."""
# Ray's supervisor waits this long for a job to end: the watchdog needs process_tree.GRACE_SECONDS and SWEEP_SECONDS.
_PATIENCE = {"RAY_JOB_STOP_WAIT_TIME_S": "15"}


class Job:
    """A job on a Ray cluster. It ends when this process stops its heartbeat (passk/runtime/job_watchdog.py)."""

    def __init__(self, server: str, directory: Path, headers: Mapping[str, str] | None = None) -> None:
        """Connect to a job server.

        server: address, for example http://127.0.0.1:8265. headers: headers of every request (ray_cluster).
        """
        from ray.exceptions import AuthenticationError
        from ray.job_submission import JobSubmissionClient

        # Ray's variables would take precedence over `server`.
        with _without("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
            try:
                self._client: JobSubmissionClient = _answered(
                    lambda: JobSubmissionClient(server, headers=dict(headers or {}))
                )
            except OSError:
                raise StageFailed(f"the job server at {server} does not answer", "lost") from None
            except AuthenticationError:
                raise StageFailed(
                    f"RAY_AUTH_MODE: the job server at {server} refuses this run's token; "
                    "export RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH=FILE of that cluster",
                    "configuration",
                ) from None
        self.name = job_name(directory)
        self._directory, self._alive = directory, layout.heartbeat(directory, self.name)
        self._released = threading.Event()
        self._details: JobDetails | None = None
        self._answered, self._refuses = time.monotonic(), False
        self.submission_seconds = 0.0

    def submit(self, command: Sequence[str], *, environment: Mapping[str, str], gpus: int, about: str) -> None:
        """Submit the job. Raises StageFailed.

        environment: variables of the job; Ray's dashboard shows them. gpus: of the command. about: text there.
        """
        started = time.monotonic()
        self._end_earlier()
        failure_record.forget(self._directory)
        self._beat()
        log = layout.log(self._directory)
        watchdog = [sys.executable, "-m", "passk.runtime.job_watchdog", str(self._alive), str(log), *command]
        # The experiment's paths may be relative to the working directory of its command.
        entrypoint = f"cd {shlex.quote(str(Path.cwd()))} 2>/dev/null; exec {shlex.join(watchdog)}"
        submission = {
            "entrypoint": entrypoint,
            "submission_id": self.name,
            "runtime_env": {"env_vars": {**environment, MARK: self.name, **_PATIENCE}},
            "metadata": {"passk": about},
            "entrypoint_num_gpus": gpus or None,
        }
        while True:
            try:
                _answered(lambda: self._client.submit_job(**submission))
                break
            except (RuntimeError, OSError) as error:
                if "No available agent" not in str(error) or time.monotonic() - started > SUBMIT_SECONDS:
                    reason = one_line(error, 300)
                    raise StageFailed(f"Ray did not accept the job: {reason}", "lost") from None
                time.sleep(POLL_SECONDS)
        self._answered = time.monotonic()
        self.submission_seconds = self._answered - started
        threading.Thread(target=self._keep_beating, name="heartbeat", daemon=True).start()
        threading.Thread(target=self._keep_polling, name="job status", daemon=True).start()

    def _end_earlier(self) -> None:
        """End earlier jobs of this stage whose follower died: two jobs must not write in one directory."""
        for name, alive in layout.heartbeats(self._directory).items():
            with contextlib.suppress(RuntimeError, OSError):  # unknown here: the job ended with its cluster
                _answered(lambda name=name: self._client.stop_job(name))
                _until(lambda name=name: self._status(name).is_terminal(), STOP_SECONDS)
            alive.unlink(missing_ok=True)
        end_jobs(self._directory)

    def _status(self, name: str) -> Any:
        return _answered(lambda: self._client.get_job_status(name))

    def _beat(self) -> None:
        with durable.telling_when_full(self._alive):
            self._alive.write_text(str(time.monotonic_ns()))

    def _keep_beating(self) -> None:
        while not self._released.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError, PasskError):  # a full disk: the training reports it
                self._beat()

    def _keep_polling(self) -> None:
        # In a thread: a request to an unreachable node may block without limit.
        while not self._released.wait(POLL_SECONDS):
            try:
                self._details = self._client.get_job_info(self.name)
                self._answered, self._refuses = time.monotonic(), False
            except (RuntimeError, OSError):
                self._refuses = True

    def poll(self) -> "JobDetails | None":
        """Return Ray's details of the job once it has ended, else None. Raises StageFailed if Ray does not answer."""
        limit = UNREACHABLE_SECONDS if self._refuses else ANSWER_SECONDS
        if time.monotonic() - self._answered > limit:
            raise StageFailed(f"the Ray cluster has not answered for {limit} s", "lost")
        return details if (details := self._details) and details.status.is_terminal() else None

    @property
    def is_pending(self) -> bool:
        """Whether Ray has accepted the job and not started it, as far as is known."""
        return self._details is not None and self._details.status.value == "PENDING"

    def stop(self) -> None:
        """End the job, wait until it has ended, and stop its heartbeat. Its cluster may have ended before."""

        def request_stop() -> None:
            with contextlib.suppress(RuntimeError, OSError):
                self._client.stop_job(self.name)
                _until(lambda: self._client.get_job_status(self.name).is_terminal(), STOP_SECONDS)

        try:
            if self._details is None or not self._details.status.is_terminal():
                # In a thread too: without an answer, the missing heartbeat ends the job.
                stopping = threading.Thread(target=request_stop, name="job stop", daemon=True)
                stopping.start()
                stopping.join(STOP_SECONDS)
        finally:
            self._released.set()
            self._alive.unlink(missing_ok=True)
            end_jobs(self._directory)


def _answered(ask: Callable[[], T]) -> T:
    """Return the job server's answer to a request. Raises StageFailed without one, where Ray would wait forever."""
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, name="job server", daemon=True).start()
    try:
        return answer.result(ANSWER_SECONDS)
    except FutureTimeout:
        if answer.done():
            raise  # a TimeoutError that `ask` raised
        raise StageFailed(f"the job server has not answered for {ANSWER_SECONDS} s", "lost") from None


def _until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.2)


@contextmanager
def _without(*names: str) -> Iterator[None]:
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
