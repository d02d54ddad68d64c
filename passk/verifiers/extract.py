r"""Extraction of the answer from a response. Time is linear in the response: no pattern backtracks, nothing recurses.

Only the last answer of a response is read. If it is unreadable, no other answer takes its place.
docs/verifiers.md lists the order of precedence with examples.
"""

import re
from typing import NamedTuple

from passk.verifiers import stated

THINK = "<think>"
"""Tag that a chat template may put at the end of the prompt. It then begins the judged response."""

_THINKING = re.compile(r"<(/?)(?:think(?:ing)?|thought)>|\[(/?)think\]|◁(/?)think▷", re.IGNORECASE)
_OPEN_BOX = r"\\(?:boxed|fbox|framebox)(?![A-Za-z])"
_BRACE = re.compile(rf"\\\\(?=\}})|{_OPEN_BOX}\s*\{{|{_OPEN_BOX}|\\[{{}}]|[{{}}]")
# Content of a box without braces: a value up to the end of its math, clause or line.
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
_ENDLESS = re.compile(r"\.[0-9]+\.\.\.$")  # 0.333... is periodic
_BOLD = re.compile(r"(?<![A-Za-z0-9)])(?:\*\*|__)|(?:\*\*|__)(?![A-Za-z0-9(])")
# A check mark, an emoji, the sign at the end of a proof, a line break. A cross stays: it denies the answer.
_ORNAMENT = re.compile(
    "[✅✓✔☑★☆✨■□▪◼∎\ufe0f\U0001f300-\U0001f44d\U0001f44f-\U0001f64f\U0001f680-\U0001f6a9\U0001f900-\U0001faff]"
    r"|\\\\(?=\s*$)|\\(?:blacksquare|square|Box|qed|qedsymbol|checkmark)(?![a-zA-Z])(?=[\s$]*$)"
)
# A blank of LaTeX at an edge, whose own blank `strip` takes away.
_EDGE = re.compile(r"\A(?:\\(?=\s)\s+)+|(?:(?<!\\)\\(?:\s+|$))+\Z")
_BEFORE = re.compile(r"\A(?:[ \n*`]|_(?!\{))+")
_QUOTES = {'"': '"', "“": "”", "'": "'", "‘": "’"}
# A minus before a box and a power, base, digit or per cent after it belong to the answer.
_MINUS = re.compile(r"(?:[=$(\[{]|\\[(\[])\s*[-−]\Z")
_SUFFIX = re.compile(
    r"(?:(?:\^|_)(?:\{[^{}]{0,40}\}|\\[A-Za-z]+|[0-9A-Za-z])|,?[0-9]{1,20}(?![0-9])|\.[0-9]{1,20}|\\pi(?![A-Za-z])|\\?%){1,3}"
)
_NOT = re.compile(
    r"(?:\bnot|n['’]t|\bcannot|\bnever|\bneither)(?:\s+(?:be|equal(?:\s+to)?))?[\s:$*\\(\[]*\Z", re.IGNORECASE
)
_ADVERBS = r"(?:\s+(?:clearly|obviously|definitely|certainly|actually|simply|just|also|therefore|thus))*"
_IS_DENIED = re.compile(
    rf"[\s$*_)\]}}\\,]*(?:(?:which|that|this)\s+)?(?:(?:is|was){_ADVERBS}\s+(?:wrong|incorrect|false)\b"
    rf"|(?:(?:is|was){_ADVERBS}\s+not|isn['’]t|wasn['’]t|can(?:not|['’]t)\s+be){_ADVERBS}\s+"
    r"(?:the\s+)?(?:(?:final|correct|right)\s+)?(?:answer|correct|right|it|solution|valid)\b)",
    re.IGNORECASE,
)


class Box(NamedTuple):
    r"""Positions of a \boxed{ } in a response: its command, its content, and its end."""

    start: int
    inner: int
    end: int
    after: int


def opens_thinking(prompt: str) -> bool:
    """Return whether a prompt ends with a <think> that the response must close."""
    *_, last = (None, *_THINKING.finditer(prompt))
    return last is not None and not (last[1] or last[2] or last[3]) and not prompt[last.end() :].strip()


def as_read(response: str, *, opens_thinking: bool) -> str:
    """Return a response with the <think> at the end of its prompt, if any, for a verifier."""
    return THINK + response if opens_thinking else response


def after_thinking(response: str) -> str:
    """Return the text after the last </think>, up to an unclosed <think>.

    <thinking>, <thought> and [THINK] count as <think>.
    """
    start, end = 0, None
    for tag in _THINKING.finditer(response):
        if tag[1] or tag[2] or tag[3]:
            start, end = tag.end(), None
        elif end is None:
            end = tag.start()
    return response[start:end]


def last_answer(response: str) -> str | None:
    """Return the content of the last pair of answer tags; of nested tags, the innermost."""
    content, position = None, 0
    while (start := response.find("<answer>", position)) >= 0:
        end = response.find("</answer>", start)
        if end < 0:
            break
        content, position = response[start:end].rpartition("<answer>")[2], end
    return content


def last_boxes(response: str) -> str | None:
    r"""Return the content of the last box. For adjacent \boxed{1} and \boxed{2} it is "1, 2"."""
    all_boxes = boxes(response)
    return _joined(response, all_boxes) if all_boxes else None


def boxes(response: str) -> list[Box]:
    r"""Return each \boxed{ }, \fbox{ } and \boxed without braces, in the order in which they begin."""
    if "box" not in response:
        return []
    closed = []
    opened: list[tuple[int, int, bool]] = []  # positions of an open brace and its content; whether it is a box
    for brace in _BRACE.finditer(response):
        if brace[0][-1] == "{" and brace[0] != "\\{":
            opened.append((brace.start(), brace.end(), brace[0] != "{"))
        elif brace[0] == "}" and opened:
            start, inner, is_box = opened.pop()
            if is_box:
                closed.append(Box(start, inner, brace.start(), brace.end()))
        elif brace[0][-1] not in "{}\\" and (bare := _BARE.match(response, brace.end())):
            closed.append(Box(brace.start(), bare.start(1), bare.end(), bare.end()))
    return sorted(closed)


def final(response: str, *, joined: bool = False, options: bool = False) -> str | None:
    r"""Return the answer of a response, or None.

    The last answer tag takes precedence over the rest of the response. In the tag, or in the response without one, the
    last box is the answer, unless a later statement gives a value.

    joined: adjacent boxes are one answer. options: the answer is the letter of an option, so mathematics is skipped and
    a statement is returned with the rest of its line.
    """
    response = after_thinking(response)
    tagged = last_answer(response)
    within = response if tagged is None else tagged
    box = _last_box(within, joined=joined, options=options)
    statement = stated.last(within, options=options)
    if box and (denied := _denied(within, *box)):
        box = (box[0], denied)
    if statement and not statement.gives_value and (box or tagged is not None):
        statement = None
    if statement and (box is None or statement.start > box[0].after):
        return clean(statement.text if options else stated.clause(statement.text))
    if box:
        return clean(box[1])
    return None if tagged is None else clean(tagged)


def clean(text: str) -> str:
    r"""Return a short text without \( \) \[ \] $$, bold, ornaments, enclosing quotation marks and final punctuation."""
    text = text.strip()
    if len(text) > stated.WINDOW:
        return text
    text = _EDGE.sub("", text)
    text = _DELIMITER.sub(lambda match: match[0] if match[0] == "\\\\" else " ", text)
    text = _BOLD.sub("", _ORNAMENT.sub("", text))
    text = _BEFORE.sub("", text)
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
    """Return the last box and its content; with `joined`, the content of all adjacent boxes."""
    remaining = boxes(response)
    for _ in range(stated.TRIES):
        if not remaining:
            break
        last = remaining[-1]
        text = _joined(response, remaining) if joined else _content(response, remaining.pop())
        if not (options and stated.is_mathematics(text)):
            return last, text
    return None


def _joined(response: str, remaining: list[Box]) -> str:
    """Remove the last box and its adjacent boxes from the list, and return their contents."""
    parts = [remaining.pop()]
    while remaining:
        box = remaining[-1]
        if box.end >= parts[-1].start or not _JOINT.fullmatch(response, box.after, parts[-1].start):
            break
        parts.append(remaining.pop())
    return ", ".join(_content(response, box) for box in reversed(parts))


def _content(response: str, box: Box) -> str:
    r"""Return the content of a box, with a minus before it and an exponent, base or digits after it."""
    content = response[box.inner : box.end]
    if not content.strip():
        return content
    minus = "-" if _MINUS.search(response[max(0, box.start - 8) : box.start]) else ""
    suffix = _SUFFIX.match(response, box.after) if box.after > box.end else None
    after = suffix[0] if suffix else ""
    # Digits beside a box are not part of its number, so the answer is unreadable.
    return f"{minus}{content}{' ' if after[:1] in tuple('.,0123456789') else ''}{after}"


def _denied(response: str, box: Box, content: str) -> str | None:
    """Return the answer of a box as its line denies it ("not 5", "5. No wait"), or None."""
    if _NOT.search(response[max(0, box.start - 40) : box.start]):
        return f"not {content}"
    rest = response[box.after : box.after + stated.WINDOW].partition("\n")[0]
    return f"{content} {rest.strip()}" if _IS_DENIED.match(rest) or stated.takes_back(rest) else None
