"""A child process of the pool: read a request per line, judge it, write the verdict as a line.

    python -P -m passk.verifiers.child PARENT MEMORY

It imports only the requested verifiers, and ends with its parent. A response may make it hang, crash or use much
memory. The kernel ends it after the deadline in CPU seconds (SIGPROF) and limits its address space to MEMORY bytes.
Responses and gold answers are untrusted text, so the process has no secrets and only two pipes to its parent. After
its verifiers are loaded, it enters a sandbox (passk/verifiers/sandbox.py): it can read installed packages only, and has
an empty home, no network and no other programs.

Requests and replies are JSON objects, ASCII, a line each:

    {"load": name}                                       {} or {"failed": reason}
    {"shut": true}                                       {"open": [restrictions that the kernel lacks]}
    {"verify": [name, response, answer], "seconds": s}   {"verdict": [score, correct, extracted, reason]}
    {"check": [name, answer], "seconds": s}              {"answer": reason or null}
                                                         {"unreadable": reason}: AnswerError
                                                         {"raised": error}: the verifier is not total
"""

import io
import json
import os
import resource
import signal
import sys
from typing import Any

from passk import verifiers
from passk.base import parent_death
from passk.base.errors import typed_line
from passk.verifiers import sandbox

OUT_OF_MEMORY = 99
"""Exit status."""


def main(parent: int, memory: int) -> None:
    parent_death.end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C, and the child ends with it
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
            # The state of the process is unknown, so the next response gets a new child.
            os._exit(OUT_OF_MEMORY)
        _write(replies, reply)


def _pipes() -> tuple[io.BufferedReader, io.BufferedWriter]:
    """Return the child's ends of the pipes. Discard the output of verifiers, which would be lines per response."""
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
    # Without a handler: Python would run it only after a hanging C function returns.
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
        return {"raised": typed_line(error, 300)}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _load(name: str) -> dict[str, Any]:
    """Judge the verifier's example, which imports all its packages outside of a response's deadline."""
    try:
        verdict = verifiers.verify(name, *verifiers.load(name).EXAMPLE)
    except MemoryError:
        raise
    except Exception as error:
        return {"failed": typed_line(error, 300)}
    return {} if verdict.correct else {"failed": f"its example is not correct: {verdict.reason}"}


def _shut() -> list[str]:
    """Enter the sandbox, and return the missing restrictions. The imported packages and the system stay readable."""
    packages = [path for module in list(sys.modules.values()) for path in getattr(module, "__path__", [])]
    home = sandbox.empty_home()
    os.environ["HOME"] = home
    os.chdir("/")
    return sandbox.enter([*sandbox.installed(), home, *packages])


def _write(replies: io.BufferedWriter, reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply).encode() + b"\n")
    replies.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
