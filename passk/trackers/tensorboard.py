"""Write a stage's events for TensorBoard, in a directory with the stage's name.

A run that resumes after a kill repeats some steps, and TensorBoard would show both. The events are therefore rewritten
from metrics.jsonl whenever the next line does not follow the last written one, as at the first step of each session.
It does not matter what an earlier session left, even if its file is truncated or incomplete.

OpenRLHF's own writer is not used. After a resume it appends duplicate steps, and it has none of the estimator's
metrics. This module does not import torch.
"""

import time
from collections.abc import Callable
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passk.trackers.scalars import evaluation_scalars, scalars

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event


class TensorBoard:
    """The event file of one stage. A directory has one writer."""

    def __init__(
        self,
        directory: Path,
        key: str,
        read: Callable[[], list[dict[str, Any]]],
        read_evaluations: Callable[[], list[dict[str, Any]]] = list,
    ) -> None:
        """Set the writer up.

        key: of the stage, since another stage may have used the name. read: returns its lines of metrics.jsonl.
        read_evaluations: returns those of evaluations.jsonl.
        """
        self._directory, self._key, self._read, self._read_evaluations = directory, key, read, read_evaluations
        self._file: BufferedWriter | None = None
        self._step = 0
        self._written: dict[int, float] = {}
        """Time of each written step, which identifies a line."""
        self._evaluated: set[tuple[int, str, float]] = set()
        """Step, benchmark and time of each written evaluation."""

    def add(self, line: dict[str, Any]) -> None:
        """Write a new line of metrics.jsonl. Raise OSError."""
        if self._file is not None and line["time"] == self._written.get(line["step"]):
            return
        if self._file is None or line["step"] != self._step + 1:
            self.rewrite()
        else:
            self._append(line)
            self._file.flush()

    def add_evaluation(self, line: dict[str, Any]) -> None:
        """Write a new line of evaluations.jsonl. Raise OSError."""
        if self._file is None:
            self.rewrite()
        elif (line["step"], line["benchmark"], line["time"]) not in self._evaluated:
            self._append_evaluation(line)
            self._file.flush()

    def rewrite(self) -> None:
        """Replace all events by the current lines. Raise OSError."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        self._directory.mkdir(parents=True, exist_ok=True)
        if self._file is not None:
            self._file.close()
        old_files = list(self._directory.glob("*tfevents*"))
        # A running TensorBoard reads files in the order of their names, and recognizes them by "tfevents".
        self._file = (self._directory / f"events.out.tfevents.{time.time_ns()}.{self._key}").open("wb")
        self._record(Event(wall_time=time.time(), file_version="brain.Event:2"))
        # TensorBoard drops later steps than this.
        self._record(Event(wall_time=time.time(), step=0, session_log=SessionLog(status=SessionLog.START)))
        self._written.clear()
        self._evaluated.clear()
        for line in self._read():
            self._append(line)
        for line in self._read_evaluations():
            self._append_evaluation(line)
        self._file.flush()
        for file in old_files:
            # A running TensorBoard may be reading the file, and would wait for ever for a deleted one.
            if file.stat().st_size:
                file.write_bytes(b"")
            else:
                file.unlink()

    def close(self) -> None:
        """End the session. Raise OSError."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        if self._file is None:
            return
        log = SessionLog(status=SessionLog.STOP)
        self._record(Event(wall_time=time.time(), step=self._step, session_log=log))
        self._file.close()
        self._file = None

    def is_newer_than(self, file: Path) -> bool:
        """Return whether only this key's events exist and were finished after `file`. They are then complete."""
        events = [event for event in self._directory.glob("*tfevents*") if event.stat().st_size]
        matching = [event for event in events if event.suffix == f".{self._key}"]
        return matching == events and any(event.stat().st_mtime >= file.stat().st_mtime for event in matching)

    def _append(self, line: dict[str, Any]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        event = Event(wall_time=line["time"], step=line["step"])
        for tag, value in scalars(line).items():
            event.summary.value.add(tag=tag, simple_value=value)
        self._record(event)
        self._step = line["step"]
        self._written[self._step] = line["time"]

    def _append_evaluation(self, line: dict[str, Any]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        event = Event(wall_time=line["time"], step=line["step"])
        for tag, value in evaluation_scalars(line).items():
            event.summary.value.add(tag=tag, simple_value=value)
        self._record(event)
        self._evaluated.add((line["step"], line["benchmark"], line["time"]))

    def _record(self, event: "Event") -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        RecordWriter(self._file).write(event.SerializeToString())
