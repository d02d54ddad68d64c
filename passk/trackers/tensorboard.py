"""A stage's events for TensorBoard, in a directory of the stage's name.

A run that goes on after a kill does some steps again. TensorBoard would show both, so the events are made anew
from metrics.jsonl whenever the next line does not follow on what was written: at the first step of each session,
for one. That needs nothing to be right of what the session before has left, be it cut off or behind the file.

OpenRLHF's own writer is not switched on: resumed it appends to what it wrote, its steps stand twice, and it has
none of the estimator's metrics. torch is not imported for this.
"""

import time
from collections.abc import Callable
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passk.trackers.scalars import scalars

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event


class TensorBoard:
    """The event file of one stage. One writer a directory."""

    def __init__(self, directory: Path, key: str, read: Callable[[], list[dict[str, Any]]]) -> None:
        """key: the stage's; another stage of the name has left its events there, perhaps. read: its lines so far."""
        self._directory, self._key, self._read = directory, key, read
        self._file: BufferedWriter | None = None
        self._step = 0
        self._written: dict[int, float] = {}
        """The time in the line of each step, by which the same line is known."""

    def add(self, line: dict[str, Any]) -> None:
        """Write a new line of metrics.jsonl. Raises OSError."""
        if self._file is not None and line["time"] == self._written.get(line["step"]):
            return
        if self._file is None or line["step"] != self._step + 1:
            self.write_anew()
        else:
            self._append(line)
            self._file.flush()

    def write_anew(self) -> None:
        """Replace whatever is there by the lines so far. Raises OSError."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        self._directory.mkdir(parents=True, exist_ok=True)
        if self._file is not None:
            self._file.close()
        before = list(self._directory.glob("*tfevents*"))
        # A TensorBoard that is running reads files in the order of their names, and knows them by "tfevents".
        self._file = (self._directory / f"events.out.tfevents.{time.time_ns()}.{self._key}").open("wb")
        self._record(Event(wall_time=time.time(), file_version="brain.Event:2"))
        # It drops what it has of later steps than this.
        self._record(Event(wall_time=time.time(), step=0, session_log=SessionLog(status=SessionLog.START)))
        self._written.clear()
        for line in self._read():
            self._append(line)
        self._file.flush()
        for file in before:
            # A TensorBoard that is running may stand in the file, and would wait for one that is gone for ever.
            if file.stat().st_size:
                file.write_bytes(b"")
            else:
                file.unlink()

    def close(self) -> None:
        """End the session. Raises OSError."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        if self._file is None:
            return
        log = SessionLog(status=SessionLog.STOP)
        self._record(Event(wall_time=time.time(), step=self._step, session_log=log))
        self._file.close()
        self._file = None

    def is_newer_than(self, file: Path) -> bool:
        """Whether the key's events alone are there, and were ended after `file` was written: then they are whole."""
        events = [event for event in self._directory.glob("*tfevents*") if event.stat().st_size]
        own = [event for event in events if event.suffix == f".{self._key}"]
        return own == events and any(event.stat().st_mtime >= file.stat().st_mtime for event in own)

    def _append(self, line: dict[str, Any]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        event = Event(wall_time=line["time"], step=line["step"])
        for tag, value in scalars(line).items():
            event.summary.value.add(tag=tag, simple_value=value)
        self._record(event)
        self._step = line["step"]
        self._written[self._step] = line["time"]

    def _record(self, event: "Event") -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        RecordWriter(self._file).write(event.SerializeToString())
