"""Identify the weights that a model's directory holds."""

from pathlib import Path


def weights(directory: Path) -> list[tuple[str, int, int]]:
    """Return name, size and modification time of a model's weight files. A rewritten file counts as another model.

    The list is empty without such files, for example for a model of the HF hub.
    """
    files = sorted(file for pattern in ("*.safetensors", "*.bin") for file in directory.glob(pattern))
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
