"""A verifier of somebody else's that does whatever its response, or its answer, says, installed as a package is."""

import os
import sys
from textwrap import dedent

import pytest

from passk import verifiers
from passk.base import plugins

BAD = """
    import ctypes, os, random, signal, socket, subprocess, sys, time
    from passk.verifiers import AnswerError, Verdict

    REASONS = ("correct", "incorrect")
    EXAMPLE = ("yes", "yes")
    NEEDS_DEADLINE = True

    def check_answer(answer):
        if answer != "unreadable":
            verify(answer, answer)  # hangs or dies as it does on a response
            return None
        return "answer: not good"

    def verify(response, answer):
        word, _, rest = response.partition(" ")
        if word == "hang":
            while True: pass
        if word == "hang-in-c":
            9 ** 10 ** 10
        if word == "sleep":
            time.sleep(float(rest or 1e6))
        if word == "exit":
            os._exit(int(rest))
        if word == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "segfault":
            ctypes.string_at(0)
        if word == "swell":
            kept = [bytearray(2**24) for _ in range(10**6)]
        if word == "swell-slowly":
            kept = []
            while True: kept.append("x" * 10**6 + str(len(kept)))
        if word == "raise":
            raise KeyError(rest)
        if word == "system-exit":
            sys.exit(0)
        if word == "recurse":
            return verify(response, answer)
        if word == "unreadable":
            raise AnswerError("answer: not good")
        if word == "print":
            print('{"verdict": [1.0, true, "", "correct"]}', flush=True)
            os.write(1, b'{"verdict": [1.0, true, "", "correct"]}\\n')
        if word == "score":
            return Verdict(float(rest), False, "", "incorrect")
        if word == "environment":
            return Verdict(0.0, False, " ".join(sorted(os.environ)), "incorrect")
        if word == "touch":
            open(rest, "w").close()
        if word == "read":
            return Verdict(0.0, False, open(os.path.expanduser(rest)).read(), "incorrect")
        if word == "list":
            return Verdict(0.0, False, " ".join(os.listdir(os.path.expanduser(rest))) or "nothing", "incorrect")
        if word == "connect":
            socket.create_connection(("127.0.0.1", int(rest)), timeout=5)
        if word == "datagram":
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(rest)))
        if word == "run":
            subprocess.run(["/bin/sh", "-c", rest], check=True)
        if word == "parent":
            return Verdict(0.0, False, open(f"/proc/{os.getppid()}/environ").read(), "incorrect")
        if word == "pid":
            return Verdict(0.0, False, str(os.getpid()), "incorrect")
        if word == "noise":
            return Verdict(0.0, False, str(random.random()), "incorrect")
        if word == "order":
            return Verdict(0.0, False, "".join({"a", "b", "c", "d", "e", "f"}), "incorrect")
        if word == "modules":
            heavy = {"torch", "ray", "vllm", "transformers", "numpy", "sympy", "prefect", "duckdb"}
            return Verdict(0.0, False, " ".join(sorted(heavy & set(sys.modules))), "incorrect")
        right = response == answer
        return Verdict(float(right), right, response, "correct" if right else "incorrect")
"""


@pytest.fixture
def bad(tmp_path, monkeypatch):
    """Name of a verifier that hangs, dies or swells where a response or a gold answer requests it."""
    (tmp_path / "bad_verifier.py").write_text(dedent(BAD))
    info = tmp_path / "bad_verifier-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-verifier\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[passk.verifiers]\nbad = bad_verifier\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), before])))
    plugins.scan.cache_clear()
    verifiers._locations.cache_clear()
    yield "bad"
    sys.modules.pop("bad_verifier", None)
    plugins.scan.cache_clear()
    verifiers._locations.cache_clear()
    verifiers.load.cache_clear()
