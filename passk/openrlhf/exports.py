"""Models in HF format that a stage writes while it trains (`export_every`)."""

import shutil
from collections.abc import Callable
from pathlib import Path

from passk.files import durable
from passk.files.layout import export_of, exported_steps


class Exports:
    """The directory exports/ of a stage. A directory without a leading dot in its name is complete."""

    def __init__(self, stage: Path, every: int | None, *, first: bool = True) -> None:
        """first: whether this process is the one that moves and deletes files."""
        self._stage, self._every, self._first = stage, every, first

    def forget_after(self, step: int) -> None:
        """Delete the models of later steps, which a resumed training repeats."""
        for later in exported_steps(self._stage) if self._first else ():
            if later > step:
                shutil.rmtree(export_of(self._stage, later))

    def write(self, step: int, export: Callable[[Path], None]) -> None:
        """Write the model after a step, if it is due. export: writes it into a directory; all processes must call."""
        if self._every is None or step % self._every:
            return
        target = export_of(self._stage, step)
        new = target.with_name(f".{target.name}")
        if self._first:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
        export(new)
        if self._first:
            shutil.rmtree(target, ignore_errors=True)
            durable.move(new, target)
