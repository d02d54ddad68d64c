"""Check of the directory of temporary files, where Ray and vLLM put Unix sockets (paths of at most 107 bytes)."""

import os
import tempfile
from pathlib import Path

from passk.base.errors import ConfigError

_SOCKET_BYTES = 107
_HIGHEST_PID = Path("/proc/sys/kernel/pid_max").read_text().strip()
_RAY = f"/passk-12345678/r/session_2026-01-31_00-00-00_000000_{_HIGHEST_PID}/sockets/plasma_store"
_VLLM = "/12345678-1234-1234-1234-123456789012"
RAY_BYTES, VLLM_BYTES = _SOCKET_BYTES - len(_RAY), _SOCKET_BYTES - len(_VLLM)
"""Longest TMPDIR for a Ray cluster that passk starts, and for vLLM alone."""


def require_short(*, ray: bool) -> None:
    """Raise ConfigError if TMPDIR is too long for the sockets of vLLM, or of a Ray cluster if one is started."""
    directory, longest = tempfile.gettempdir(), RAY_BYTES if ray else VLLM_BYTES
    if (length := len(os.fsencode(directory))) > longest:
        raise ConfigError(
            "TMPDIR",
            f"{directory} has {length} bytes, and the sockets of {'Ray' if ray else 'vLLM'} allow {longest} or fewer",
            "set it to a shorter directory, as in TMPDIR=/tmp",
        )
