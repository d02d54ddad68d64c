"""End a process with its parent, also when the parent is killed."""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)  # loaded here, since a forked child should load nothing


def end_with(parent: int) -> None:
    """Let Linux kill this process when its parent ends. Exit at once if that has happened.

    parent: process id. Source: prctl(2), PR_SET_PDEATHSIG. The kernel counts the end of the thread that forked.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before prctl took effect
        os._exit(1)
