"""Seal complete checkpoints, and resume only from those that match their seal.

DeepSpeed writes `global_stepN/` file by file and then names it in `latest`. An interruption leaves half a checkpoint,
which a resume would load or fail on. So the trainer seals the checkpoint after every save: size and hash of each file,
written last. Before a stage resumes, `repair` removes checkpoints that do not match their seal. It lets `latest` name
the newest that does. The checkpoints of an rl stage lie under `_actor/`.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from passk.base.errors import PasskError
from passk.files import durable
from passk.files.layout import write_json

SEAL = "seal.json"
LEAST_KEPT = 2
"""Fewest checkpoints kept. OpenRLHF deletes the oldest before the next write, and a crash could lose a single one."""
_NUMBER = re.compile(r"global_step[0-9]+")
_PARTITION = re.compile(r"zero_pp_rank_([0-9]+)_mp_rank_[0-9]+_(?:model|optim)_states\.pt$")
"""A file of DeepSpeed with one rank's share of the states."""
_WHOLE = re.compile(r"mp_rank_[0-9]+_model_states\.pt$")
"""A file of DeepSpeed with what every rank has."""
_PIECES, _PIECE = 64, 2**20
"""A file is hashed whole up to 64 MiB, else in 64 pieces of 1 MiB: a checkpoint may have 100 GB."""


@dataclass(frozen=True)
class Repaired:
    """State from which a stage resumes."""

    step: int
    """Step of the newest complete checkpoint; 0 without one."""
    removed: Sequence[str]
    """A line for each removed checkpoint, with its defect."""


class Partition(NamedTuple):
    """How DeepSpeed divides a checkpoint. It loads only a checkpoint that is divided as its own states are."""

    ranks: int
    """Ranks that have a share of the optimizer's state; 0 if each rank has the whole state, as at ZeRO 0."""
    weights: bool
    """Whether the weights are divided too, as by ZeRO 3."""


@contextmanager
def saving(checkpoint: Path) -> Iterator[None]:
    """Seal the checkpoint after the save in this context, if one was due. Raise PasskError if the disk is full."""
    try:
        _order(checkpoint.parent)
        yield
        if checkpoint.is_dir():
            seal(checkpoint)
    except Exception:
        try:
            durable.require_room(next(parent for parent in checkpoint.parents if parent.is_dir()))
        except PasskError as full:
            # Free space so that the log can report it, and the next run can start.
            shutil.rmtree(checkpoint, ignore_errors=True)
            raise full from None
        raise


def _order(root: Path) -> None:
    """Give later checkpoints later modification times.

    OpenRLHF deletes the checkpoint with the oldest time. Without this, a node whose clock is behind, or a clock that is
    set back, would make it delete the newest one.
    """
    checkpoints, now = sorted(_checkpoints(root), key=_step), time.time()
    for age, checkpoint in enumerate(reversed(checkpoints)):
        with contextlib.suppress(OSError):  # another user's
            os.utime(checkpoint, (now - age, now - age))


def seal(checkpoint: Path) -> None:
    """Seal a new checkpoint. Its files are flushed to disk before its seal."""
    durable.flush_all(checkpoint)
    write_json(checkpoint / SEAL, {name: [size, digest] for name, size, digest in _contents(checkpoint)})


def fault(checkpoint: Path) -> str | None:
    """Return the defect of a checkpoint, or None if it matches its seal."""
    try:
        sealed = json.loads((checkpoint / SEAL).read_text())
        contents = [(name, size, digest) for name, (size, digest) in sealed.items()]
    except FileNotFoundError:
        return "its write did not finish"
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return f"{SEAL} cannot be read"
    if not contents:
        return f"{SEAL} names no file"
    for name, size, digest in contents:
        file = checkpoint / name
        try:
            if not file.is_file():
                return f"{name} is missing"
            if file.stat().st_size != size:
                return f"{name} has {file.stat().st_size} bytes instead of {size}"
            if _digest(file) != digest:
                return f"{name} does not match its hash"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
    return None


def repair(directory: Path, recorded: int) -> Repaired:
    """Remove defective checkpoints of a stage, and let `latest` name the newest complete one.

    recorded: the last step of metrics.jsonl. A checkpoint beyond it has lost its record, so its steps are repeated. No
    process of the stage may be running.
    """
    root = directory / "_actor" if (directory / "_actor").is_dir() else directory
    removed, newest = [], 0
    for checkpoint in sorted(_checkpoints(root), key=_step):
        defect = fault(checkpoint)
        if defect is None and _step(checkpoint) > recorded:
            defect = f"the record ends at step {recorded}"
        if defect is None:
            newest = _step(checkpoint)
        else:
            shutil.rmtree(checkpoint)
            removed.append(f"the checkpoint of step {_step(checkpoint)} is not used: {defect}")
    if newest:
        durable.write_text(root / "latest", f"global_step{newest}")
    elif root.exists():
        # OpenRLHF reads a directory without a checkpoint as one without a step, and fails.
        shutil.rmtree(root)
    return Repaired(newest, removed)


def newest(directory: Path) -> int:
    """Return the step of the newest sealed checkpoint in a stage's checkpoints/, 0 without one. Verify none of them."""
    return max(sealed(directory), default=0)


def sealed(directory: Path) -> list[int]:
    """Return the steps of the sealed checkpoints in a stage's checkpoints/. Verify none of them."""
    return sorted(
        _step(checkpoint)
        for root in (directory, directory / "_actor")
        for checkpoint in _checkpoints(root)
        if (checkpoint / SEAL).exists()
    )


def partition(directory: Path) -> Partition | None:
    """Return how the newest sealed checkpoint in a stage's checkpoints/ is divided; None without one of DeepSpeed."""
    sealed = [
        checkpoint
        for root in (directory, directory / "_actor")
        for checkpoint in _checkpoints(root)
        if (checkpoint / SEAL).exists()
    ]
    if not sealed:
        return None
    names = [file.name for file in _files(max(sealed, key=_step))]
    ranks = {int(match[1]) for name in names if (match := _PARTITION.search(name))}
    weights = any(_PARTITION.search(name) and "model_states" in name for name in names)
    return Partition(len(ranks), weights) if ranks or any(map(_WHOLE.search, names)) else None


def _checkpoints(root: Path) -> list[Path]:
    """Return the checkpoint directories. Other files of a user or a file system are left alone."""
    return [path for path in root.glob("global_step*") if path.is_dir() and _NUMBER.fullmatch(path.name)]


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("global_step"))


def _files(checkpoint: Path) -> list[Path]:
    return sorted(file for file in checkpoint.rglob("*") if file.is_file() and file.name != SEAL)


def _contents(checkpoint: Path) -> list[tuple[str, int, str]]:
    return [(str(file.relative_to(checkpoint)), file.stat().st_size, _digest(file)) for file in _files(checkpoint)]


def _digest(file: Path) -> str:
    size = file.stat().st_size
    digest = hashlib.blake2b(digest_size=16)
    with file.open("rb") as content:
        if size <= _PIECES * _PIECE:
            digest.update(content.read())
        else:
            for piece in range(_PIECES):
                content.seek((size - _PIECE) * piece // (_PIECES - 1))
                digest.update(content.read(_PIECE))
    return digest.hexdigest()
