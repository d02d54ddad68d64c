"""Check prose against the language rules: words to replace, and the length of sentences.

    python -m dev.prose              # list what breaks a rule; exit status 1 if anything does
    python -m dev.prose --figures    # print the number, mean and longest of the sentences of each page

Pages and the help of the command line are checked for words and sentences, the Python files of FOLDERS and the files of
PLAIN for words alone. Of tests only docstrings and comments count, since their strings are data.
`not_yet` in pyproject.toml under [tool.prose] lists what is not rewritten: patterns in which * also matches /.
"""

import argparse
import ast
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token

from passk.base.terminal import aligned

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "docs/*.md", "docs/*/README.md", "studies/*.md", "studies/*/README.md")
FOLDERS = ("passk", "flows", "tasks", "reports", "dev", "bench", "studies", "tests")
PLAIN = (
    "prefect.yaml",
    "pyproject.toml",
    "Makefile",
    "deploy/*/*",
    "experiments/*.yaml",
    "passk/*/*.sql",
    "reports/templates/*.j2",
)
NAMED = ("passk", "flows", "tasks", "reports", "dev", "bench", "studies")
"""Folders whose names are checked too."""
HELP = "passk --help"
MEAN, LONGEST = 18, 35
"""Words in a sentence: the largest mean of a page, and the most of one sentence."""

_GRADED = r"(?:answers?|responses?|rollouts?|samples?|ones?|verdicts?|moves?)"
WORDS = {
    r"told|said": "print, log, report",
    r"mend(?:s|ed|ing)?": "fix",
    r"(?:goes|went) on": "resume, continue",
    r"(?:comes|came) to": "reach, equal, total",
    r"hangs? on": "depend on",
    r"at the most": "at most",
    r"to be had": "available",
    r"of before": "earlier, older",
    r"whoever": "name the subject",
    r"by whatever": "by any",
    r"as it is(?=[.,;:)])": "unchanged",
    r"that (?:is|are) there": "existing",
    r"keeps none": "name what is kept",
    r"pays|paid": "reward, give",
    # "what is wrong", "goes wrong" and "wrong with" are not about an answer
    r"(?<!what is )(?<!what was )(?<!goes )(?<!go )(?<!went )wrong(?! with\b)": "incorrect",
    rf"right {_GRADED}|right(?= or wrong| and wrong|,? wrong)|{_GRADED} (?:is|are|was|were) right"
    r"(?! (?:of|side|hand|after|before|away|beside)\b)": "correct",
    r"filed|filing": "ingest, item",
    r"advantage rules?": "advantage estimator",
    r"arms?": "method",
    r"(?:dead|saturated) groups?": "all-incorrect groups, groups with fewer than k incorrect",
}
VAGUE = {"asked", "found", "given", "made", "own", "said", "told"}
"""No names of functions, arguments and variables: a name is a noun."""
_WORDS = {re.compile(rf"\b(?:{pattern})(?!\w)", re.IGNORECASE): instead for pattern, instead in WORDS.items()}
# A full stop before white space ends a sentence, save that of an abbreviation.
_END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bal)(?<!\bEq)(?<!\bAlg)(?<!\bFig)[.!?][\"')*]*\s+")
_CODE = re.compile(r"`+[^`]+`+|\{[^{}]*\}")
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
_PATTERN = re.compile(r"(?:r|rf|fr)(?:'(?!'')|\"(?!\"\"))", re.IGNORECASE)
"""Start of a raw string on one line, which is a regular expression."""


class Text(NamedTuple):
    """A piece of prose."""

    where: str
    """File, and the line where there is one."""
    text: str
    """Inline code is the word `code`."""
    sentences: bool
    """Whether the sentences count: not in headings, cells of tables, docstrings and comments."""


def markdown(name: str, text: str) -> Iterator[Text]:
    """The prose of a page: paragraphs, items of lists, headings and cells of tables; code and images are left out."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    line = 0
    for before, token in zip([Token("", "", 0), *tokens], tokens, strict=False):
        line = token.map[0] + 1 if token.map else line
        if token.type == "inline":
            yield Text(f"{name}:{line}", _words(token), before.type == "paragraph_open")


def _words(inline: Token) -> str:
    shown = {"text": "{}", "code_inline": "`code`", "softbreak": " ", "hardbreak": " "}
    return "".join(shown.get(child.type, "").format(child.content) for child in inline.children or ())


def python(file: Path, name: str) -> Iterator[Text]:
    """The comments and strings of a module, without names and values (no space) and regular expressions (raw).

    Of a test, the comments and docstrings alone.
    """
    begins, data = True, name.startswith("tests/")
    with tokenize.open(file) as lines:
        for token in tokenize.generate_tokens(lines.readline):
            prose = token.type == tokenize.COMMENT or (token.type == tokenize.STRING and (begins or not data))
            if prose and " " in token.string and not _PATTERN.match(token.string):
                yield Text(f"{name}:{token.start[0]}", _CODE.sub("`code`", token.string), False)
            if token.type not in (tokenize.COMMENT, tokenize.NL):
                begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def names(file: Path, name: str) -> Iterator[str]:
    """Yield a line for each function, argument, variable and attribute of a module that has a vague name."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.FunctionDef(name=word) | ast.ClassDef(name=word) | ast.arg(arg=word):
                pass
            case ast.Name(id=word, ctx=ast.Store()) | ast.Attribute(attr=word, ctx=ast.Store()):
                pass
            case _:
                continue
        if word.strip("_") in VAGUE:
            yield f"{name}:{node.lineno}: the name {word!r}; write a noun"


def plain(file: Path, name: str) -> Iterator[Text]:
    """The lines of a YAML file or a template, without Jinja's expressions."""
    for number, line in enumerate(file.read_text().splitlines(), 1):
        yield Text(f"{name}:{number}", _JINJA.sub("`code`", line), False)


def command_line() -> Iterator[Text]:
    """The help of every command and option of `passk`."""
    from passk.cli.main import app

    commands = [("passk", typer.main.get_command(app))]
    for name, command in commands:
        commands += [(f"{name} {each}", sub) for each, sub in getattr(command, "commands", {}).items()]
        yield Text(f"{name} --help", command.help or "", True)
        for parameter in command.params:
            yield Text(f"{name} {parameter.name}", getattr(parameter, "help", None) or "", True)


def sentences(text: str) -> list[int]:
    """The number of words of each sentence. A fragment of one or two words, such as a bold lead-in, is none."""
    counts = [sum(any(map(str.isalnum, word)) for word in sentence.split()) for sentence in _END.split(text)]
    return [count for count in counts if count > 2]


def faults(name: str, texts: list[Text]) -> Iterator[str]:
    """A line for each rule that is broken."""
    counts = []
    for where, text, counted in texts:
        for pattern, instead in _WORDS.items():
            yield from (f"{where}: {match[0]!r}; write: {instead}" for match in pattern.finditer(text))
        if counted:
            counts += sentences(text)
            yield from (f"{where}: a sentence of {n} words; at most {LONGEST}" for n in sentences(text) if n > LONGEST)
    if counts and sum(counts) / len(counts) > MEAN:
        yield f"{name}: {sum(counts) / len(counts):.1f} words a sentence on average; at most {MEAN}"


def everything(root: Path) -> Iterator[tuple[str, list[Text]]]:
    """Name and prose of each page, of the help, of each Python file and of each file of PLAIN."""
    for page in sorted(page for pattern in PAGES for page in root.glob(pattern)):
        name = str(page.relative_to(root))
        yield name, list(markdown(name, page.read_text()))
    yield HELP, list(command_line())
    for file in sorted(file for folder in FOLDERS for file in (root / folder).rglob("*.py")):
        name = str(file.relative_to(root))
        yield name, list(python(file, name))
    for file in sorted(file for pattern in PLAIN for file in root.glob(pattern)):
        name = str(file.relative_to(root))
        yield name, list(plain(file, name))


def main() -> int:
    """Run the check, or print the figures."""
    parser = argparse.ArgumentParser(prog="python -m dev.prose", description=__doc__.splitlines()[0])
    parser.add_argument("--figures", action="store_true", help="Print figures of each page instead of faults.")
    figures = parser.parse_args().figures
    not_yet = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["prose"]["not_yet"]
    rows, lines = [("page", "sentences", "mean", "longest", "")], []
    for name, texts in everything(ROOT):
        left_out = any(fnmatch(name, pattern) for pattern in not_yet)
        counts = [count for text in texts if text.sentences for count in sentences(text.text)]
        if counts:
            mean = f"{sum(counts) / len(counts):.1f}"
            rows.append((name, str(len(counts)), mean, str(max(counts)), "not yet rewritten" if left_out else ""))
        lines += [] if left_out else faults(name, texts)
        if name.endswith(".py") and name.startswith(NAMED):
            lines += names(ROOT / name, name)
    print("\n".join(aligned(rows) if figures else lines))
    return 0 if figures else int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
