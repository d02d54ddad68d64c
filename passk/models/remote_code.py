"""Refuse a model whose files let loaders run Python code that comes with it.

OpenRLHF passes `trust_remote_code=True` to transformers and vLLM for every model. passk therefore checks the files
first. It refuses a model with code unless the experiment sets `model: {trust_remote_code: true}`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from passk.base.errors import ConfigError

CONFIGS = "*config*.json"
"""Config files: config.json, tokenizer_config.json, generation_config.json, processor_config.json ..."""
_CUSTOM_GENERATE = "custom_generate/generate.py"
FILES = (CONFIGS, _CUSTOM_GENERATE)
"""Patterns of all files that decide whether a model has code."""
_KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation")
_NESTING = 20


def refuse(directory: Path, *, model: str) -> None:
    """Raise ConfigError if loading the model in `directory` would run its own code.

    model: its name or path, as in the experiment.
    """
    if reason := code_of(directory):
        raise ConfigError(
            "model.path",
            f"loading {model} runs code that comes with it ({reason})",
            "read that code and set model.trust_remote_code: true in the experiment file, or choose another model",
        )


def code_of(directory: Path) -> str | None:
    """Return where a model's files name their own code, or None. An unreadable file counts as code."""
    if (directory / _CUSTOM_GENERATE).exists():
        return _CUSTOM_GENERATE
    for file in sorted(directory.glob(CONFIGS)):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return f"{file.name} is not readable as JSON"
        if file.name == "adapter_config.json":
            return "adapter_config.json names a base model, which is also loaded"
        if reason := next(_code(content, _NESTING), None):
            return f"{reason} in {file.name}"
    return None


def _code(content: Any, nesting: int) -> Iterator[str]:
    if nesting == 0:
        yield "too deep a nesting"
    elif isinstance(content, dict):
        if content.get("auto_map"):
            yield "auto_map"
        for name in _KERNELS:
            if "/" in json.dumps(content.get(name)):  # a kernel of the hub, named owner/name
                yield name
        for value in content.values():
            yield from _code(value, nesting - 1)
    elif isinstance(content, list):
        for value in content:
            yield from _code(value, nesting - 1)


def cached(name: str) -> Path | None:
    """Return the cache directory that holds a hub model's files, or None. Send no request."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(FILES), local_files_only=True))
    except (LocalEntryNotFoundError, ValueError, OSError):
        return None


def fetch(name: str) -> Path:
    """Download a hub model's files that decide whether it has code, and return their directory."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        return Path(snapshot_download(name, allow_patterns=list(FILES)))
    finally:
        if shown:
            enable_progress_bars()


def check(model: Path | str, *, trusted: bool) -> None:
    """Raise ConfigError as `refuse` does, for a directory or for the cached files of a hub model."""
    if not trusted and (files := _files(model)):
        refuse(files, model=str(model))


def has_code(model: Path | str) -> bool:
    """Return whether a directory, or a hub model in the cache, has its own code."""
    files = _files(model)
    return files is not None and code_of(files) is not None


def _files(model: Path | str) -> Path | None:
    directory = Path(model).expanduser()
    if directory.is_dir():
        return directory
    return cached(model) if isinstance(model, str) else None
