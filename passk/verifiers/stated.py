r"""Statements of an answer in words: after "the answer is", "Answer:", a heading "Answer", or "####".

A statement ends with its clause. A following reason, sentence or phrase ("for the trip") is no part of it. If a later
clause retracts the answer (`5. No wait`, `5, which is wrong`), the text keeps that clause and the verifier refuses it.
At most WINDOW characters of a statement and TRIES statements are read, so time is linear in the response.
"""

import re
from typing import NamedTuple

from passk.verifiers import units

WINDOW = 1000
"""Most characters of a statement that are read."""
TRIES = 50
"""Most statements that are read, from the end of the response."""

_COLON = r"(?:[*_`]{0,3}[ \t]{0,4}(?:[:：]|=+>?|-+>|→|⇒|\\Rightarrow\b|\\implies\b))"
_SURELY = (
    r"(?:,?[ \t]{1,4}(?:therefore|thus|hence|then|indeed|simply|just|exactly|clearly|definitely|now|for[ ]sure"
    r"|of[ ]course|probably|(?:most[ ])?likely)\b,?)?"
)
_IS = (
    r"(?:(?:is|was|are|equals|becomes|(?:should|must|would|will|has[ ]to|have[ ]to)[ ]be"
    r"|(?:comes|works)[ ]out[ ](?:to(?:[ ]be)?|as))(?![A-Za-z])(?:[ \t]{1,4}(?:equal[ ]to|given[ ]by)\b)?)"
)
_SAID = rf"(?:[*_`]{{0,3}}{_SURELY}[,\s]{{1,4}}{_IS}{_SURELY}(?:{_COLON})?)"
_MARK = re.compile(
    rf"""
    (?<![A-Za-z])
    (?: answers? | (?P<option> (?:correct|right|best|only) [ ] (?:option|choice|statement|letter) )
      | ans (?= \.? [ \t]{{0,2}} : ) \.? )
    (?![A-Za-z])
    (?:
        {_COLON}
      | {_SAID}
      | [,\s]{{1,4}} (?:to|for|of|in|as|after|rounded|we|that|you)\b
        (?: [^.:\n?!] | \.(?=[0-9]) ){{1,60}}? (?: [,\s] {_IS} {_SURELY} (?:{_COLON})? | : )
      | (?P<bare> [*_]{{0,3}} [ \t]{{0,4}} (?= \$ | \\[(\[] ) )
      | (?= [ ] (?:isn|is[ ]not|cannot) )
    )
    | \#\#\#\# (?!\#)
    """,
    re.IGNORECASE | re.VERBOSE,
)
# {"answer": "5"}
_JSON = re.compile(
    r"""["](?:final[_ ])?answer["]\s{0,4}:\s{0,4}
    (?: ["](?P<text>(?:[^"\\]|\\.){0,1000})["] | (?P<number>[-+]?[0-9][0-9.eE+-]{0,60}) )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# "C is the correct answer.", as a sentence of its own.
_SUBJECT = re.compile(
    r"""(?:^|[.!?:]\s) [ \t>#*_-]{0,8} (?:(?:so|thus|hence|therefore),?[ ])? (?:(?:option|choice|answer|letter)[ ])?
    [*_]{0,3} (?P<letter>\([A-Z]\)|[A-Z](?![a-z])) [).]? [*_]{0,3} [ ]
    (?-i:is)[ ](?:(?:therefore|thus|clearly|indeed)[ ])?
    the[ ](?:only[ ])?(?:correct|right|best)[ ](?:answer|option|choice)
    [*_]{0,3} \s* (?: $ | [.!,](?=\s|$) )""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
# "Suppose the answer is 5" and "We check our answer: 5 + 1 = 6" state none.
_SUPPOSED = re.compile(
    r"\b(?:suppose|supposing|assume|assuming|imagine|if|whether|unless"
    r"|(?:double-)?check(?:ing)?|verify(?:ing)?|confirm(?:ing)?)\s+(?:that\s+)?"
    r"(?:(?:the|my|our|your|its|this)\s+)?(?:(?:final|correct|right|true)\s+)?\Z",
    re.IGNORECASE,
)
# What a chat template puts after a response.
_REMNANT = re.compile(r"<[|｜]|\[/?INST\]|</?s>")
# A line with nothing but "Final answer", "## Answer" or "**The answer**".
_HEADING = re.compile(
    r"^[#>*_ \t-]{0,12}(?:[0-9][.)][ \t]{1,4}[*_]{0,3})?(?:(?:the|my|our)[ \t]{1,4})?(?:(?:final|correct)[ \t]{1,4})?"
    r"answers?[ \t:*_]{0,12}$",
    re.IGNORECASE | re.MULTILINE,
)
_LEADING = re.compile(r"(?:\n[ \t]{0,4}>+|[\s*_`:=]|&nbsp;|</?(?:b|strong|i|em|u|p|br)>)*")
# An item of a list: "- 2", "* 2", "1. 2".
_ITEM = re.compile(r"[ \t>]*(?:[-•*+]|[0-9]{1,2}[.)])[ \t]+(?=\S)")
# Beginning of a value. A statement without a value does not replace an earlier box.
_VALUE = re.compile(
    r"""["'“‘({\[]*
    (?: [-+−–±~≈]?\s*[$€£¥]?\s*[-+−±]?(?: [0-9] | \.[0-9] ) | [-+−±]?\s* (?: \$ | \\ | [∞π√] )
      | [-+−±]?\s* [B-HJ-Z](?![A-Za-z'’])
      | [-+−±]?\s* [AI](?![A-Za-z'’]) (?![ ]+(?!(?:because|since|as|is|and|or)\b)[A-Za-z]{2})
      | (?: option | choice | letter )\b
      | (?: yes | no | true | false | none | neither | never | unknown | undefined )\b
      | (?: not | cannot | isn['’]?t | is[ ]not )\b
        [^\n.]{0,20}? (?: [0-9$\\] | \b[A-Z]\b | right\b | correct\b | known\b )
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_NUMBERED = re.compile(r"\(?(?:[0-9]{1,2}|[A-Za-z])[.):]\s+\S*[A-Za-z]{2}")
_WORD = re.compile(r"[A-Za-z]{2,}")
_OPTION = re.compile(
    r"\W*(?:\\(?:text|math)[a-z]{2}\s*\{\W*|\\(?:text|mbox)\s*\{\W*)?(?:(?:option|choice|answer)\W+)?"
    r"[A-Z]\s*(?:[).:}\]]|$|[*_]|[–—-]{1,3}\s|\(|(?:because|since|as|is)\b)",
    re.IGNORECASE,
)
_MATHEMATICS = re.compile(
    r"[0-9=<>+^_]|\\(?:frac|sqrt|le|ge|lt|gt|ne|neq|leq|geq|approx|cdot|times|pi|infty)(?![A-Za-z])"
)

_BEGINS = r"(?:so|thus|hence|that|this|it|he|she|they|we|you|the|there|therefore|I)\b"
_SPAN = re.compile(
    rf"""
      \\\\ | \\\( .*? \\\) | \\\[ .*? \\\] | \$\$ .*? \$\$
    | (?<!\\)\$(?![\s$]) (?: [^$\\] | \\. )*? (?<![\s\\])\$(?![0-9])
    | \\begin\{{(?P<name>[a-z]+\*?)\}} .*? \\end\{{(?P=name)\}}
    | \\[{{}}] | (?P<opens>[{{(\[]) | (?P<closes>[}})\]])
    | (?P<cut>
          \. (?= ["'”’*_)]{{0,3}} \s+ \S )
        | [,;] \s+ (?= (?:(?:and|so)\s+)?{_BEGINS} ) | , \s+ (?=I\s)
        | [,;] (?P<clause>) \s+ (?=[A-Za-z]{{2}}) (?!(?:and|or)\b)
        | \s+ (?:[–—]|-{{1,3}}) \s+ (?=[A-Za-z]{{2}}) | — (?=[A-Za-z]{{2}})
        | \s+ (?= \(?(?:because|since|as|so|which|where|while|whereas|rounded|meaning)\b | \(?i\.e\. )
        | \s+ (?= (?:to[ ]the[ ]nearest|correct[ ]to)\b )
        | \s+ (?= \((?:see|from|by|the|this|that|note)\b )
        | (?<=[0-9%$}}]) \s+ (?= \((?!mod\b|base\b)[A-Za-z]{{3}} )
        | \s+ (?= (?P<phrase> (?:for|of|from|by|on|with|in) \s [^0-9$\\=,;:\n]{{1,120}}? )
            (?: [.!?] ["'”’*_)]{{0,3}} (?:\s|$) | , \s (?:since|because|as|so|which)\b | $ ) )
        | ,? \s+ (?= or \s+ (?:equivalently|approximately|about)\b )
        | (?= <\|?[a-z/] )
      )
    """,
    re.VERBOSE | re.DOTALL,
)
# "This gives the answer $5$ for the first day" may be a step. "This gives the answer $5$." is not.
_OBJECT = re.compile(r"[a-z]\s+(?:the|an|our|this)\s+(?:(?:final|correct)\s+)?\Z")
_CONTINUES = re.compile(r"\s+(?:for|of|in|at|to|by|on|when|if|with|from|given|obtained|found)\b", re.IGNORECASE)
# Retractions after an answer: "5, definitely not.", `5 - wrong`, "5, which is incorrect".
_DENIED = re.compile(
    r"[^\w]*(?:[A-Za-z'’]+[ ]+){0,3}(?:not|no|none(?:[ ]of[ ](?:them|these|those))?|neither|wrong|incorrect|false)"
    r"\s*(?=$|[^\w\s])|[^\w]*(?:maybe|perhaps|possibly|rather|sorry)\b",
    re.IGNORECASE,
)
RETRACTED = re.compile(
    r"[.!?;,:()\n–—-]\s*(?:no,? +wait|wait(?=[,.!:;–—-]| +no\b)"
    r"|(?:no,? +)?(?:that|this|it)(?:['’]s| +is)(?:n['’]t| +not)? +(?:clearly +|obviously +)?"
    r"(?:wrong|incorrect|not +(?:right|correct|it))(?=\s*(?:$|[.,;!?]))"
    r"|no,? +(?:that|this|it)(?:['’]s| +is)(?:n['’]t| +not| +wrong| +incorrect)"
    r"|actually,? +(?:no|not)\b|(?:hmm[,.]? +)?(?:actually|correction|oops|no|sorry),? +(?:that|this|it)"
    r"(?:['’]s| +(?:is|was|(?:should|must|would|has +to|ought +to) +be))"
    r"(?: +(?:actually|really|equal +to))? +[-−$\\(0-9]"
    r"|(?:actually|sorry|correction)[,:]? +[-−$]?[0-9](?![0-9.,]* *[=*+×/-])"
    r"|but +(?:it|that|this) +(?:might|may|could)(?: +also)? +be\b"
    r"|scratch that|on second thought|I take (?:it|that) back)",
    re.IGNORECASE,
)


class Statement(NamedTuple):
    """One statement of an answer."""

    start: int
    """Position of its words in the response."""
    text: str
    """The statement up to the end of its line, or of the display math that it opens."""
    gives_value: bool
    """Whether it begins with a value, so that it replaces an earlier box."""


def last(response: str, *, options: bool = False) -> Statement | None:
    """Return the last statement that gives a value, else the last one, else None.

    options: the answer is the letter of an option. "The correct option is" counts too, and mathematics is skipped.
    """
    marks = [
        mark
        for mark in _MARK.finditer(response)
        if (options or not mark["option"]) and not _SUPPOSED.search(response[max(0, mark.start() - 60) : mark.start()])
    ]
    for pattern in (_HEADING, _JSON, _SUBJECT) if options else (_HEADING, _JSON):
        marks += pattern.finditer(response)
    first = None
    for mark in sorted(marks, key=lambda mark: mark.span(), reverse=True)[:TRIES]:
        text = _form(mark.groupdict()) or _line(response[mark.end() : mark.end() + WINDOW])
        if is_mathematics(text) if options else mark[0] == "####" and _is_heading(text):
            continue
        before = response[max(0, mark.start() - 40) : mark.start()]
        is_step = mark.groupdict().get("bare") is not None and _is_step(before, text)
        if _VALUE.match(text) and not is_step:
            return Statement(mark.start(), text, True)
        first = first or Statement(mark.start(), text, False)
    return first


def clause(text: str) -> str:
    """Return a statement up to the end of its clause, or all of it if the rest retracts the answer."""
    depth, is_value = 0, bool(_VALUE.match(text))
    for match in _SPAN.finditer(text):
        if match["opens"]:
            depth += 1
        elif match["closes"]:
            depth = max(0, depth - 1)
        elif match["phrase"] and (not is_value or units.makes_another(match["phrase"])):
            continue
        elif match["cut"] is not None and depth == 0 and (is_value or match["clause"] is None):
            rest = text[match.start() :]
            return text if takes_back(rest) else text[: match.start()]
    return text


def takes_back(rest: str) -> bool:
    """Return whether the text after an answer retracts it."""
    return bool(_DENIED.match(rest) or RETRACTED.search(rest))


def is_mathematics(text: str) -> bool:
    """Return whether a text is a value or a relation, such as E > 0, and not the letter of an option."""
    text = text[:WINDOW]
    return bool(_MATHEMATICS.search(text)) and not _OPTION.match(text)


def without_remnant(text: str) -> str:
    """Return a text up to the first token of a chat template."""
    remnant = _REMNANT.search(text)
    return text[: remnant.start()] if remnant else text


def _line(window: str) -> str:
    """Return the first line with content, with the further lines of its display math; or a list as "2, 3"."""
    window = without_remnant(window)
    start = _LEADING.match(window)
    assert start
    first, *more = window[start.end() :].split("\n")
    _, on_next_line, begin = start[0].rpartition("\n")
    if on_next_line and (item := _ITEM.match(begin + first)):
        items = [(begin + first)[item.end() :]]
        while more and (item := _ITEM.match(more[0])):
            items.append(more.pop(0)[item.end() :])
        return ", ".join(item.lstrip(" *_`") for item in items)
    text = first
    while not _is_closed(text):
        if not more:
            return first
        text = f"{text} {more.pop(0)}"
    return text


def _form(groups: dict[str, str | None]) -> str:
    """Return the answer that the mark itself holds: a JSON value, or the letter before "is the correct answer"."""
    return groups.get("number") or groups.get("letter") or _unescaped(groups.get("text") or "")


def _is_step(before: str, text: str) -> bool:
    """Return whether "the answer $5$" is the object of a sentence that continues after it and does not retract it."""
    span = _SPAN.match(text)
    rest = text[span.end() :] if span else ""
    return bool(_OBJECT.search(before) and _CONTINUES.match(rest)) and not takes_back(rest)


def _unescaped(text: str) -> str:
    """Return the content of a JSON string. LaTeX with single backslashes is unchanged."""
    return text.replace("\\\\", "\\").replace('\\"', '"')


def _is_closed(text: str) -> bool:
    text = text.replace("\\\\", "")
    return (
        text.count("\\[") <= text.count("\\]")
        and text.count("$$") % 2 == 0
        and text.count("\\begin{") <= text.count("\\end{")
    )


def _is_heading(text: str) -> bool:
    """Return whether a line after "####" is no answer: "2. Check the result", "Step 3"."""
    return bool(_NUMBERED.match(text)) or len(_WORD.findall(text)) > 4
