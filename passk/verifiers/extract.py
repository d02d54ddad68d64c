r"""Where in a response the answer stands. Linear in the response: no pattern backtracks, nothing recurses.

One answer is read: the one on which the response ends. No other takes its place where that one is unreadable.
docs/verifiers.md lists the order of precedence with examples.
"""

import re
from typing import NamedTuple

from passk.verifiers import stated

THINK = "<think>"
"""What a chat template may put at the end of the prompt; it then begins the response that is judged."""

_THINKING = re.compile(r"<(/?)(?:think(?:ing)?|thought)>|\[(/?)think\]|◁(/?)think▷", re.IGNORECASE)
_OPEN_BOX = r"\\(?:boxed|fbox|framebox)(?![A-Za-z])"
_BRACE = re.compile(rf"{_OPEN_BOX}\s*\{{|{_OPEN_BOX}|\\[{{}}]|[{{}}]")
# the content of a box without braces: a value, up to the end of its math, its clause or its line
_BARE = re.compile(
    r"""\s*( (?= [-+−]?\$?[0-9.] | [-+−]?\\[A-Za-z] | [A-Za-z](?![A-Za-z]) )
      (?: \{ (?: [^{}] | \{ [^{}]{0,200} \} ){0,200} \}
        | (?! [$\n}&] | \\[)\]] | \\\\ | \\(?:boxed|fbox|framebox)
            | [.,;:!?]?\s+(?!(?:and|or)\s+(?![A-Za-z]{2}))[A-Za-z]{2} | [.,;:](?:\s|$) ) .
      ){1,200} )""",
    re.VERBOSE,
)
_JOINT = re.compile(r"(?:[\s$,*]|\\[(),;\[\]]|and|or|\\text\{ ?(?:and|or) ?\}|\\q?quad)*")
_DELIMITER = re.compile(r"\\\\|\\[()\[\]]|\$\$")
_ENDLESS = re.compile(r"\.[0-9]+\.\.\.$")  # 0.333... goes on
_BOLD = re.compile(r"(?<![A-Za-z0-9)])(?:\*\*|__)|(?:\*\*|__)(?![A-Za-z0-9(])")
_QUOTES = {'"': '"', "“": "”"}


class Box(NamedTuple):
    r"""A \boxed{ } of a response: where its command begins, its content, and the place after it."""

    start: int
    inner: int
    end: int
    after: int


def opens_thinking(prompt: str) -> bool:
    """Return whether a prompt ends with a <think> that the response has to close."""
    *_, last = (None, *_THINKING.finditer(prompt))
    return last is not None and not (last[1] or last[2] or last[3]) and not prompt[last.end() :].strip()


def as_read(response: str, *, opens_thinking: bool) -> str:
    """Return a response as a verifier has to read it: with the <think> that its prompt ended with, if it did."""
    return THINK + response if opens_thinking else response


def after_thinking(response: str) -> str:
    """Return what follows the last </think>, up to a <think> that is not closed: what the reader sees.

    <thinking>, <thought> and [THINK] are read as <think> is.
    """
    start, end = 0, None
    for tag in _THINKING.finditer(response):
        if tag[1] or tag[2] or tag[3]:
            start, end = tag.end(), None
        elif end is None:
            end = tag.start()
    return response[start:end]


def last_answer(response: str) -> str | None:
    """Return what stands in the last pair of answer tags; of tags opened inside each other, the innermost."""
    found, position = None, 0
    while (start := response.find("<answer>", position)) >= 0:
        end = response.find("</answer>", start)
        if end < 0:
            break
        found, position = response[start:end].rpartition("<answer>")[2], end
    return found


def last_boxes(response: str) -> str | None:
    r"""Return the content of the last box; of \boxed{1} and \boxed{2}, side by side, it is "1, 2"."""
    found = boxes(response)
    return _joined(response, found) if found else None


def boxes(response: str) -> list[Box]:
    r"""Return each \boxed{ }, \fbox{ } and \boxed without braces, in the order in which they begin."""
    if "box" not in response:
        return []
    found = []
    opened: list[tuple[int, int, bool]] = []  # where an open brace begins, and its content; whether it is a box
    for brace in _BRACE.finditer(response):
        if brace[0][-1] == "{" and brace[0] != "\\{":
            opened.append((brace.start(), brace.end(), brace[0] != "{"))
        elif brace[0] == "}" and opened:
            start, inner, is_box = opened.pop()
            if is_box:
                found.append(Box(start, inner, brace.start(), brace.end()))
        elif brace[0][-1] not in "{}" and (bare := _BARE.match(response, brace.end())):
            found.append(Box(brace.start(), bare.start(1), bare.end(), bare.end()))
    return sorted(found)


def final(response: str, *, joined: bool = False, options: bool = False) -> str | None:
    r"""Return the answer that a response gives, or None: the last tag; in it or else in the response the last box or,
    where it comes later and gives a value, the last statement.

    joined: boxes that stand side by side are one answer. options: the answer is the letter of an option, so that
    mathematics is passed over and a statement is returned with the rest of its line.
    """
    response = after_thinking(response)
    tagged = last_answer(response)
    within = response if tagged is None else tagged
    box = _last_box(within, joined=joined, options=options)
    statement = stated.last(within, options=options)
    if statement and not statement.gives_value and (box or tagged is not None):
        statement = None
    if statement and (box is None or statement.start > box[0].after):
        return clean(statement.text if options else stated.clause(statement.text))
    if box:
        return clean(box[1])
    return None if tagged is None else clean(tagged)


def clean(text: str) -> str:
    r"""Return a short text without \( \) \[ \] $$, bold, quotation marks around it, and punctuation at its end."""
    text = text.strip()
    if len(text) > stated.WINDOW:
        return text
    text = _DELIMITER.sub(lambda found: found[0] if found[0] == "\\\\" else " ", text)
    text = _BOLD.sub("", text).lstrip(" \n*_`")
    while True:
        shorter = text.rstrip(" \n_`" if text.endswith("^*") else " \n*_`")
        ends = shorter[-1:] in (".", ",", ";", ":", "。") and not shorter[:-1].endswith("\\")
        if ends and not _ENDLESS.search(shorter):
            shorter = shorter[:-1].rstrip()
        if len(shorter) > 1 and _QUOTES.get(shorter[0]) == shorter[-1]:
            shorter = shorter[1:-1].strip()
        if shorter == text:
            return text
        text = shorter


def _last_box(response: str, *, joined: bool, options: bool) -> tuple[Box, str] | None:
    """Return the last box, and its content or with `joined` that of all boxes beside it."""
    found = boxes(response)
    for _ in range(stated.TRIES):
        if not found:
            break
        last = found[-1]
        text = _joined(response, found) if joined else _content(response, found.pop())
        if not (options and stated.is_mathematics(text)):
            return last, text
    return None


def _joined(response: str, found: list[Box]) -> str:
    """Take the last box off the list, and the boxes that stand side by side with it; return their contents."""
    parts = [found.pop()]
    while found:
        box = found[-1]
        if box.end >= parts[-1].start or not _JOINT.fullmatch(response, box.after, parts[-1].start):
            break
        parts.append(found.pop())
    return ", ".join(_content(response, box) for box in reversed(parts))


def _content(response: str, box: Box) -> str:
    return response[box.inner : box.end]
