r"""Where in a response the answer stands. Linear in the response: no pattern backtracks, nothing recurses.

One answer is read, the last one given, and never a second where that one is no good: a response that tries
several is judged by the one it ends on.
"""

import re

_BRACE = re.compile(r"\\boxed\{|\\[{}]|[{}]")
_STATED = re.compile(r"answer is:?|answer:|####", re.IGNORECASE)
_JOINT = re.compile(r"(?:[\s$,]|\\[(),;]|and|or|\\text\{ ?(?:and|or) ?\}|\\q?quad)*")
_NEXT_LINE = re.compile(r"\s*([^\n]*)")


def after_thinking(response: str) -> str:
    """What follows the last </think>: what a reasoning model says to the reader."""
    return response.rpartition("</think>")[2]


def last_answer(response: str) -> str | None:
    """What stands in the last pair of answer tags; of tags opened inside each other, the innermost."""
    found, position = None, 0
    while (start := response.find("<answer>", position)) >= 0:
        end = response.find("</answer>", start)
        if end < 0:
            break
        found, position = response[start:end].rpartition("<answer>")[2], end
    return found


def last_box(response: str) -> str | None:
    r"""What stands in the \boxed{ } that opens last among those that are closed."""
    found = boxes(response)
    if not found:
        return None
    start, end = max(found)
    return response[start:end]


def last_boxes(response: str) -> str | None:
    r"""As `last_box`; \boxed{1}, \boxed{2}, with nothing but a comma, "and" or "or" between them, is "1, 2"."""
    found = sorted(boxes(response))
    if not found:
        return None
    parts = [found[-1]]
    for start, end in reversed(found[:-1]):
        # the closing brace of this one, then what joins, then the "\boxed{" of the next
        if end >= parts[-1][0] or not _JOINT.fullmatch(response, end + 1, parts[-1][0] - len("\\boxed{")):
            break
        parts.append((start, end))
    return ", ".join(response[start:end] for start, end in reversed(parts))


def boxes(response: str) -> list[tuple[int, int]]:
    r"""(start, end) of what stands in each \boxed{ } that is closed."""
    if "\\boxed{" not in response:
        return []
    found = []
    opened: list[tuple[int, bool]] = []  # where the content of each open brace begins; whether it is a box
    for brace in _BRACE.finditer(response):
        if brace[0][-1] == "{" and brace[0] != "\\{":
            opened.append((brace.end(), brace[0] != "{"))
        elif brace[0] == "}" and opened:
            start, is_box = opened.pop()
            if is_box:
                found.append((start, brace.start()))
    return found


def stated(response: str) -> str | None:
    """What follows the last "answer is", "answer:" or "####" on its line, or on the next where that is blank."""
    last = max(_STATED.finditer(response), key=re.Match.start, default=None)
    if last is None:
        return None
    line = _NEXT_LINE.match(response, last.end())
    assert line
    return line[1].strip().strip("*").strip()


def final(response: str, *, joined: bool = False) -> str | None:
    r"""The answer a response gives: its last tag, in that or else in the response its last box, else what it states.

    joined: boxes that stand side by side are one answer.
    """
    response = after_thinking(response)
    tagged = last_answer(response)
    within = response if tagged is None else tagged
    boxed = last_boxes(within) if joined else last_box(within)
    if boxed is not None:
        return boxed.strip()
    return stated(response) if tagged is None else tagged.strip()
