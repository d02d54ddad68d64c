"""The pool's handle of a child process: start it, send requests, end it."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import passk
from passk.verifiers import CRASH, TIMEOUT

# Variables that a child inherits. It judges untrusted text, so it gets no tokens.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV")
_FIXED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",  # with 64 threads it would reserve more address space than allowed
    "PYTHONUTF8": "1",
}


class Died(Exception):
    """The child has ended. The argument is TIMEOUT or CRASH."""


class ChildProcess:
    """A running passk.verifiers.child, with a JSON line per request and reply."""

    def __init__(self, memory: int, hash_seed: int) -> None:
        inherited = {name: os.environ[name] for name in _KEPT if name in os.environ}
        root = str(Path(passk.__file__).parents[1])  # the child uses the same passk
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "passk.verifiers.child", str(os.getpid()), str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**inherited, **_FIXED, "PYTHONPATH": path, "PYTHONHASHSEED": str(hash_seed)},
        )
        self.requests = 0

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a request and return the reply. Kill the child and raise Died without a reply within `seconds`."""
        assert self._process.stdin
        self.requests += 1
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise Died(self._cause()) from None
        return self.read(seconds)

    def read(self, seconds: float) -> dict[str, Any]:
        """Return the next reply. Raises Died like `ask`."""
        assert self._process.stdout
        reader, deadline = self._process.stdout.fileno(), time.monotonic() + seconds
        poll, parts = select.poll(), []
        poll.register(reader, select.POLLIN)
        while True:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                self.kill()
                self._process.wait()
                raise Died(TIMEOUT)
            if not (part := os.read(reader, 2**16)):
                raise Died(self._cause())
            parts.append(part)
            if part.endswith(b"\n"):
                return json.loads(b"".join(parts))

    def _cause(self) -> str:
        return TIMEOUT if self._process.wait() == -signal.SIGPROF else CRASH

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> int:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                assert pipe
                pipe.close()
        return self._process.wait()
