r"""Programs in Python: a response is correct if its program passes the tests of the gold answer.

The program is the last fenced block of the response, else the whole response. An <answer> tag takes precedence. A
thinking that never ends has no program. The gold answer is a JSON object:

    tests       Python source with asserts; it runs in another process than the program
    functions   names that the tests take from the program
    prompt      text that the program continues or repeats, with the helpers that tests may use; may be ""

The program runs without network, files and other processes, with limits (passk/verifiers/code_processes.py).
docs/security.md lists the walls and what they do not protect against.
"""

import ast
import hashlib
import json
import re
import sys
from functools import lru_cache
from typing import Any

from passk.base.errors import one_line
from passk.verifiers import LONGEST, AnswerError, Verdict, code_processes, pool
from passk.verifiers.extract import after_thinking, last_answer

REASONS = ("correct", "no program", "does not run", "incorrect", "too slow", "exited early")
EXAMPLE = (
    "```python\ndef add(a, b):\n    return a + b\n```",
    '{"tests": "assert add(1, 2) == 3", "functions": ["add"], "prompt": ""}',
)
NEEDS_DEADLINE = True
CHILD = "passk.verifiers.child"
"""Module that a child of the pool runs."""
LONGEST_PROGRAM = 100_000
"""Most characters of a program."""
_FENCE = re.compile(r"^[ \t]*(?:```+|~~~+)[^\n`]*$", re.MULTILINE)


def verify(response: str, answer: str) -> Verdict:
    """Run the program of a response; `extracted` is its text, the end of a long one replaced by a hash.

    Outside the pool's children it asks the pool of this process. Raises AnswerError for an unreadable answer, and for
    one whose tests pass something to the program that is no plain data.
    """
    if not _in_child():
        return pool.shared().submit("code", response, answer).result()
    gold = _gold(answer)
    program = extracted(response)
    if not program.strip() or "\0" in program:
        return Verdict(0.0, False, "", "no program")
    shown = _shown(program)
    if len(program) > LONGEST_PROGRAM:
        return Verdict(0.0, False, shown, "does not run")
    try:
        reason = code_processes.judge(gold, program)
    except code_processes.NoSandbox as error:
        raise AnswerError(
            f"answer: no program runs here, since the kernel leaves {error} open; use Linux 5.13 or later on x86_64 or "
            "aarch64, and a container that allows Landlock and seccomp"
        ) from None
    if reason not in REASONS:
        raise AnswerError(f"answer: {reason.removeprefix('unreadable ')}")
    return Verdict(float(reason == "correct"), reason == "correct", shown, reason)


def check_answer(answer: str) -> str | None:
    """Return why the verifier cannot use a gold answer, or None."""
    try:
        _gold(answer)
    except AnswerError as error:
        return str(error)
    return None


def extracted(response: str) -> str:
    """Return the program of a response: the last fenced block, which may lack its end, else the whole text."""
    text = after_thinking(response)
    tagged = last_answer(text)
    within = (text if tagged is None else tagged).replace("\r\n", "\n")
    fences = list(_FENCE.finditer(within))
    if not fences:
        return within.strip("\n")
    if len(fences) % 2:
        return within[fences[-1].end() :].strip("\n")
    return within[fences[-2].end() : fences[-1].start()].strip("\n")


def _shown(program: str) -> str:
    program = program.strip()
    if len(program) <= LONGEST:
        return program
    mark = hashlib.sha256(program.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{program[: LONGEST - 17]}#{mark}"


@lru_cache(maxsize=1024)
def _gold(answer: str) -> dict[str, Any]:
    try:
        gold = json.loads(answer)
        texts = all(isinstance(gold[name], str) for name in ("tests", "prompt"))
        names = gold["functions"]
        good = texts and isinstance(names, list) and names and all(map(_is_name, names))
    except (ValueError, TypeError, KeyError, RecursionError):
        good = False
    if not good:
        raise AnswerError(
            'answer: not a JSON object {"tests": "...", "functions": ["..."], "prompt": "..."}; write one'
        )
    for name in ("prompt", "tests"):
        try:
            tree = ast.parse(gold[name])
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = one_line(error, 200)
            raise AnswerError(f"answer: {name}: not Python: {reason}; correct the source") from None
    if not any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
        raise AnswerError("answer: tests: no assert, so every program would pass; add one")
    return gold


def _in_child() -> bool:
    """Return whether this is a child of the pool. Another process may have secrets in its memory, and threads."""
    return getattr(getattr(sys.modules["__main__"], "__spec__", None), "name", "") == CHILD


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier()
