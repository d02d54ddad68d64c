"""Processes that multiprocessing starts end with a killed parent, and not with the thread that started them."""

import subprocess
import sys
import time

import psutil
import pytest

from tests.processes import living

PROGRAM = """
import multiprocessing, os, signal, sys, threading, time
from passk.runtime import worker_setup

def wait(pids):
    worker_setup.install()
    worker_setup.install()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pids.put(os.getpid())
    while True:
        time.sleep(60)

def engine(pids, method):
    worker_setup.install()
    multiprocessing.get_context(method).Process(target=wait, args=(pids,)).start()
    wait(pids)

if __name__ == "__main__":
    worker_setup.install()  # as in a Ray actor, which multiprocessing did not start
    context = multiprocessing.get_context(sys.argv[1])
    pids = context.Queue()
    process = context.Process(target=engine, args=(pids, sys.argv[1]))
    starter = threading.Thread(target=process.start)
    starter.start()
    starter.join()
    print(pids.get(), pids.get(), flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_children_end_with_a_killed_parent_and_outlive_the_thread_that_started_them(method, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py"), method]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as actor:
        assert actor.stdout
        children = [psutil.Process(int(pid)) for pid in actor.stdout.readline().split()]
        try:
            assert len(children) == 2
            time.sleep(3)  # longer than a look: the thread that started the first child has ended
            assert living(children) == children and actor.poll() is None
            actor.kill()
            deadline = time.monotonic() + 120
            while living(children):
                assert time.monotonic() < deadline, "the children outlive their parent"
                time.sleep(0.1)
        finally:
            actor.kill()
            for child in living(children):
                child.kill()
