"""Checkpoints that can be trusted: sealed when they are whole, taken up only while they match their seal.

DeepSpeed writes `global_stepN/` file by file and then names it in `latest`; whatever interrupts that leaves
half a checkpoint, which a resume would load or fail on. So after every save the trainer seals the
checkpoint: the size and a hash of each file, written last. Before a stage goes on, `mend` takes away what does not
match its seal, and `latest` names the newest that does. An rl stage's lie under `_actor/`.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from passk.base.errors import PasskError
from passk.files import durable
from passk.files.layout import write_json

SEAL = "seal.json"
LEAST_KEPT = 2
"""OpenRLHF deletes the oldest before it writes the next: with one kept, a crash in a save would leave none"""
_NUMBER = re.compile(r"global_step[0-9]+")
_PIECES, _PIECE = 64, 2**20
"""a file is hashed whole up to 64 MiB, else 64 pieces of 1 MiB spread over it: a checkpoint may have 100 GB"""


@dataclass(frozen=True)
class Mended:
    """What a stage goes on from."""

    step: int
    """of the newest whole checkpoint; 0 where there is none"""
    removed: Sequence[str]
    """a line for each checkpoint that was taken away: which, and what was wrong with it"""


@contextmanager
def saving(checkpoint: Path) -> Iterator[None]:
    """Around a save: seals the checkpoint, where one was due. Raises PasskError where the disk is full."""
    try:
        yield
        if checkpoint.is_dir():
            seal(checkpoint)
    except Exception:
        try:
            durable.require_room(next(parent for parent in checkpoint.parents if parent.is_dir()))
        except PasskError as full:
            # Room for the log to tell of it, and for the next run to begin.
            shutil.rmtree(checkpoint, ignore_errors=True)
            raise full from None
        raise


def seal(checkpoint: Path) -> None:
    """Seal a checkpoint that was just written. Its files are on the disk, not in a cache, before its seal is."""
    durable.flush_all(checkpoint)
    write_json(checkpoint / SEAL, {name: [size, digest] for name, size, digest in _contents(checkpoint)})
    durable.flush(checkpoint)


def fault(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint, or None where it matches its seal."""
    try:
        sealed = json.loads((checkpoint / SEAL).read_text())
        contents = [(name, size, digest) for name, (size, digest) in sealed.items()]
    except FileNotFoundError:
        return "it was not written to its end"
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
                return f"{name} is not what was written"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
    return None


def mend(directory: Path, recorded: int) -> Mended:
    """Leave nothing in a stage's checkpoints/ but whole ones, the newest of them the one that a resume takes.

    recorded: the last step of metrics.jsonl; a checkpoint beyond it has lost its record, so its steps are
    done again. No process of the stage may be running.
    """
    root = directory / "_actor" if (directory / "_actor").is_dir() else directory
    removed, newest = [], 0
    for checkpoint in sorted(_checkpoints(root), key=_step):
        wrong = fault(checkpoint)
        if wrong is None and _step(checkpoint) > recorded:
            wrong = f"the record ends at step {recorded}"
        if wrong is None:
            newest = _step(checkpoint)
        else:
            shutil.rmtree(checkpoint)
            removed.append(f"the checkpoint of step {_step(checkpoint)} is not used: {wrong}")
    if newest:
        latest = root / "latest"
        temporary = latest.with_name(".latest")
        temporary.write_text(f"global_step{newest}")
        temporary.replace(latest)
    elif root.exists():
        # OpenRLHF takes a directory without a checkpoint for a checkpoint without a step, and fails.
        shutil.rmtree(root)
    return Mended(newest, removed)


def newest(directory: Path) -> int:
    """The step of the newest sealed checkpoint in a stage's checkpoints/, 0 without one. Looks into none of them."""
    return max(
        (
            _step(found)
            for root in (directory, directory / "_actor")
            for found in _checkpoints(root)
            if (found / SEAL).exists()
        ),
        default=0,
    )


def _checkpoints(root: Path) -> list[Path]:
    """The directories of checkpoints; what else a person or a file system has put there is left alone."""
    return [path for path in root.glob("global_step*") if path.is_dir() and _NUMBER.fullmatch(path.name)]


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("global_step"))


def _files(checkpoint: Path) -> list[Path]:
    return sorted(file for file in checkpoint.rglob("*") if file.is_file() and file.name != SEAL)


def _contents(checkpoint: Path) -> list[tuple[str, int, str]]:
    return [(str(file.relative_to(checkpoint)), file.stat().st_size, _digest(file)) for file in _files(checkpoint)]


def _digest(file: Path) -> str:
    size = file.stat().st_size
    found = hashlib.blake2b(digest_size=16)
    with file.open("rb") as content:
        if size <= _PIECES * _PIECE:
            found.update(content.read())
        else:
            for piece in range(_PIECES):
                content.seek((size - _PIECE) * piece // (_PIECES - 1))
                found.update(content.read(_PIECE))
    return found.hexdigest()
