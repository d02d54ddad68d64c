"""Identify a model's directory by the content of its files."""

import hashlib
import json
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

from passk.files import durable

PATTERNS = ("*.safetensors", "*.bin", "*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken", "*.py")
"""Files that decide what a model computes and which text it gets: weights, configuration, tokenizer, template, code."""
LARGE = 2**26
"""Bytes of a file from which its hash is kept in the user's cache. A core hashes about 1 GB/s."""


def contents(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that decides a result, by its name.

    The directory's place and the files' times do not count. The result is empty for a model of the HF hub.
    """
    files = sorted({file for pattern in PATTERNS for file in directory.glob(pattern) if file.is_file()})
    return {file.name: _hash(file) for file in files}


def _hash(file: Path) -> str:
    status = file.stat()
    return _known(str(file.resolve()), (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino))


@cache
def _known(path: str, status: tuple[int, ...]) -> str:
    kept = _cache() / f"{hashlib.sha256(path.encode()).hexdigest()}.json"
    if status[0] >= LARGE:
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            record = json.loads(kept.read_text())
            if record["status"] == list(status):
                return str(record["sha256"])
    with Path(path).open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if status[0] >= LARGE:
        with suppress(OSError, durable.PasskError):  # without it, the next command hashes the file again
            kept.parent.mkdir(parents=True, exist_ok=True)
            durable.write_text(kept, json.dumps({"file": path, "status": list(status), "sha256": digest}))
    return digest


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "passk" / "hashes"
