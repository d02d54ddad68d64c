"""End a process soon after its parent process ends, also by SIGKILL.

vLLM starts processes with multiprocessing. They hold a GPU's memory and do not notice that the Ray actor that started
them was killed. On the node of a job, the job watchdog ends them. On every other node, only they can.

In a Ray actor vLLM spawns its processes, and each of them loads passk's plugin (worker_setup.py).

Linux's PR_SET_PDEATHSIG would end them when the thread that started them ends, and the threads of an actor may end
before the actor does. So a thread of the child looks for a new parent.
"""

import multiprocessing
import os
import signal
import threading
import time

import psutil

LOOK_SECONDS = 1.0
_watched = 0
"""Process id of the process that a thread watches. A forked child has its parent's value."""


def install() -> None:
    """Watch the parent of this process, if multiprocessing started this process, at most once per process.

    Ray ends its own workers, and torchrun those that it starts.
    """
    global _watched
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None or _watched == os.getpid():
        return
    _watched = os.getpid()
    threading.Thread(target=_watch, args=(parent.pid,), name="watch parent", daemon=True).start()


def _watch(pid: int) -> None:
    try:
        parent = psutil.Process(pid)
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
            time.sleep(LOOK_SECONDS)
    except psutil.NoSuchProcess:
        pass
    os.kill(os.getpid(), signal.SIGKILL)
