"""A child process of the pool: reads a request a line, judges it, writes the verdict as a line. No more than that.

    python -P -m passk.verifiers.child PARENT MEMORY

It imports nothing that it is not asked for, and dies with its parent. A response may make it hang, crash or
swell: the kernel ends it after so many seconds of CPU (SIGPROF) and refuses it more memory than MEMORY bytes.
Responses and gold answers are untrusted text, so it holds no secret and nothing of ours but its two pipes. Once its
verifiers are loaded it shuts itself in (passk/verifiers/sandbox.py): it reads installed packages alone, writes no file
and has an empty home, no network and no other program.

Requests and replies are JSON objects, ASCII, a line each:

    {"load": name}                                       {} or {"failed": why}
    {"shut": true}                                       {"open": [what the kernel does not shut]}
    {"verify": [name, response, answer], "seconds": s}   {"verdict": [score, correct, extracted, reason]}
    {"check": [name, answer], "seconds": s}              {"answer": why or null}
                                                         {"unreadable": why}: AnswerError
                                                         {"raised": what}: the verifier is not total
"""

import ctypes
import io
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import passk
from passk import verifiers
from passk.verifiers import sandbox

_PR_SET_PDEATHSIG = 1
_SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
OUT_OF_MEMORY = 99
"""exit status"""


def main(parent: int, memory: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it was gone before that took hold
        os._exit(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the parent, with whom we end
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests, replies = _pipes()
    _write(replies, {})
    for line in requests:
        try:
            reply = _reply(json.loads(line))
        except MemoryError:
            # What it left behind nobody knows: the next response gets a new child.
            os._exit(OUT_OF_MEMORY)
        _write(replies, reply)


def _pipes() -> tuple[io.BufferedReader, io.BufferedWriter]:
    """Our ends of the pipes. What verifiers print or warn of goes nowhere: it would be lines a response."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    return requests, replies


def _reply(request: dict[str, Any]) -> dict[str, Any]:
    if "load" in request:
        return _load(request["load"])
    if "shut" in request:
        return {"open": _shut()}
    # Not by a handler: Python would run that only when the C code which hangs comes back.
    signal.setitimer(signal.ITIMER_PROF, request["seconds"])
    try:
        if "check" in request:
            return {"answer": verifiers.check_answer(*request["check"])}
        verdict = verifiers.verify(*request["verify"])
        if not 0 <= verdict.score <= 1:
            raise ValueError(f"score {verdict.score} is not from 0 to 1")
        return {"verdict": [verdict.score, verdict.correct, verdict.extracted, verdict.reason]}
    except verifiers.AnswerError as error:
        return {"unreadable": str(error)}
    except MemoryError:
        raise
    except Exception as error:
        return {"raised": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _load(name: str) -> dict[str, Any]:
    """Import all that the verifier uses, by judging its example: no response pays for that with its deadline."""
    try:
        verdict = verifiers.verify(name, *verifiers.load(name).EXAMPLE)
    except MemoryError:
        raise
    except Exception as error:
        return {"failed": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
    return {} if verdict.correct else {"failed": f"its example is not right: {verdict.reason}"}


def _shut() -> list[str]:
    """Leave the process what it needs to go on importing from the packages that it has begun to load."""
    ours = str(Path(passk.__file__).parents[1])  # a checkout holds more than the package
    packages = [path for module in list(sys.modules.values()) for path in getattr(module, "__path__", [])]
    elsewhere = [path for path in sys.path if path and os.path.realpath(path) != ours]
    home = sandbox.empty_home()
    os.environ["HOME"] = home
    os.chdir("/")
    return sandbox.enter([*_SYSTEM, sys.prefix, sys.base_prefix, home, *elsewhere, *packages])


def _write(replies: io.BufferedWriter, reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply).encode() + b"\n")
    replies.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
