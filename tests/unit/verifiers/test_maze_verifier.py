import itertools
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passk import verifiers
from passk.base.errors import ConfigError
from passk.verifiers import Verdict, verify
from passk.verifiers.maze import REASONS
from tests.unit.each import every

# S at the left, E at the right of the middle row; the straight way is blocked.
DOCS = Path(__file__).parents[3] / "docs" / "verifiers-maze.md"
GRID = "....\nS*.E\n....\n*..."
RIGHT = "DRRRU"


def independent(letters):
    """Whether a walk of these letters is right, written from the paper's estimators alone."""
    cells = {(x, y): cell for y, row in enumerate(GRID.split("\n")) for x, cell in enumerate(row)}
    x, y = next(at for at, cell in cells.items() if cell == "S")
    for letter in letters:
        x += (letter in "Rr") - (letter in "Ll")
        y += (letter in "Dd") - (letter in "Uu")
        if cells.get((x, y), "*") == "*":
            return False
    return bool(letters) and cells[x, y] == "E"


@every(
    ("response", "extracted", "reason"),
    [
        (RIGHT, RIGHT, "correct"),
        ("URRRD", "URRRD", "correct"),
        ("DU" + RIGHT, "DU" + RIGHT, "correct"),  # a longer way is right too
        (f"<answer>{RIGHT}</answer>", RIGHT, "correct"),
        (f"<answer>{RIGHT.lower()}</answer>", RIGHT, "correct"),
        ("LLLL <answer> D, R, R, R -> U </answer> LLLL", RIGHT, "correct"),
        (f"<answer>L</answer> no: <answer>{RIGHT}</answer>", RIGHT, "correct"),
        (f"<answer>{RIGHT}</answer> no: <answer>L</answer>", "L", "off the grid"),
        (rf"\boxed{{L}} then \boxed{{{RIGHT}}}", RIGHT, "correct"),
        (rf"\boxed{{\text{{{RIGHT}}}}}", RIGHT, "correct"),
        (rf"\boxed{{{RIGHT}}} <answer>L</answer>", "L", "off the grid"),  # a tag goes before a box
        (RIGHT + "UD", RIGHT + "UD", "correct"),  # E is passed and entered again
        (RIGHT + "U", RIGHT + "U", "not at the end"),
        ("R", "R", "into a wall"),
        ("L", "L", "off the grid"),
        ("UU", "UU", "off the grid"),
        ("DDDD", "DDDD", "into a wall"),
        ("D", "D", "not at the end"),
        ("", "", "empty"),
        ("42 -> 7!", "", "empty"),
        (f"<answer></answer>{RIGHT}", "", "empty"),  # an empty tag is an answer, and an empty one
        (rf"\boxed{{}}{RIGHT}", "", "empty"),
        (f"{RIGHT}<answer>", RIGHT + "R", "off the grid"),  # an open tag is prose, and its name has an R
        (f"<answer>L<answer>{RIGHT}</answer>", RIGHT, "correct"),
        (f"<answer>{RIGHT}</answer></answer>", RIGHT, "correct"),
        (f"</answer>{RIGHT}<answer>", "", "empty"),  # the text after the last open tag, which is none
        (f"</answer>L<answer>{RIGHT}", RIGHT, "correct"),
        (f"<answer>L</answer><answer>{RIGHT}", RIGHT, "correct"),
        (rf"<answer>L \boxed{{{RIGHT}}} L</answer>", RIGHT, "correct"),
        (rf"<answer>L \boxed{{{RIGHT}</answer> L", RIGHT, "correct"),
        (rf"\boxed{{L}} \boxed{{{RIGHT}", RIGHT, "correct"),  # a box that never closes extends to the end
        (rf"\boxed{{\{{{RIGHT}\}}}} L", RIGHT, "correct"),  # an escaped brace is a brace
        (f"$\\boxed {RIGHT}$ L", RIGHT, "correct"),
        (f"\\boxed {RIGHT}", RIGHT, "correct"),
        (f"L boxed{RIGHT}", RIGHT, "correct"),
        (rf"\boxed {{{RIGHT}}} L", RIGHT + "L", "not at the end"),
        (f"{RIGHT} boxed", "", "empty"),
        (rf"}}}}}} \boxed{{{RIGHT}}} {{{{", RIGHT, "correct"),
    ],
)
def test_the_official_meaning_of_an_answer(response, extracted, reason):
    right = reason == "correct"
    assert right == independent(extracted)
    assert verify("maze", response, GRID) == Verdict(float(right), right, extracted, reason)


def documented():
    """Rows of the table of forms: response, walk, verdict of maze, verdict of maze_strict."""
    for line in DOCS.read_text().splitlines():
        cells = [cell.strip(" `") for cell in line.split("|")[1:-1]]
        if len(cells) == 5 and cells[0] not in ("form", "---"):
            yield cells[1:]


@every(("response", "walk", "reason", "strict_reason"), documented())
def test_every_form_of_the_docs_has_the_verdict_that_stands_there(response, walk, reason, strict_reason):
    verdict = verify("maze", response, GRID)
    assert (verdict.extracted, verdict.reason) == (walk, reason)
    assert verify("maze_strict", response, GRID).reason == strict_reason


def test_the_table_of_forms_is_read():
    assert len(list(documented())) == 33


@every("letter", ["\ufb02", "\ufb04", "\uff32", "\u0280", "\u1d3f", "\u216e", "\u01c7", "\u0131"])
def test_only_ascii_letters_move_whatever_they_upper_case_to(letter):
    verdict = verify("maze", letter + RIGHT, GRID)
    assert verdict.extracted == RIGHT and verdict.correct


def test_a_path_through_the_end_that_goes_on_is_wrong():
    assert verify("maze", "RR", "S.E\n...\n...").correct
    assert verify("maze", "RRD", "S.E\n...\n...").reason == "not at the end"


@every("answer", ["", "...", "S..", "..E", "SSE", "SEE", "S" * 9])
def test_an_answer_that_is_no_maze_is_an_error_not_a_wrong_response(answer):
    with pytest.raises(ValueError, match="answer: not a maze"):
        verify("maze", RIGHT, answer)


def test_an_unknown_verifier_is_refused_with_the_nearest_name():
    assert "maze" in verifiers.names()
    with pytest.raises(ConfigError, match=r"^verifier: 'mazes' does not exist; did you mean maze\?"):
        verify("mazes", "", GRID)


def hostile():
    """Some 900 responses, the same each time: pieces that mean something, put together at random."""
    pieces = [
        "<answer>", "</answer>", "<ANSWER>", "</answer", "<answer >", "\\boxed{", "\\boxed", "{", "}",
        "\\{", "\\", RIGHT, "LRUD", "drrru", "", " ", "\n", "\r\n", "\0", "\x1b[2J", "\u202e", "\u200b",
        "\ud800", "\udfff", "\ufeff", "\ufb02", "\u0131", "\u00df", "\u0130", "\U0001f600", "S", "E", "*",
        ".", ">", "$", "<pad>", "#", "|", "`", "correct", "score: 1.0", "reward=1", "Verdict(1.0, True)",
        "<script>alert(1)</script>", "'; DROP TABLE samples;--", "%s%n", "{maze}", "${HOME}",
        "../../etc/passwd", "9**9**9", "\\frac{1}{0}", "((((", "))))", "[[[[", "(a+)+$",
    ]  # fmt: skip
    yield from pieces
    yield from (first + second for first, second in itertools.product(pieces[:20], repeat=2))
    rng = random.Random(0)
    for _ in range(400):
        yield "".join(rng.choices(pieces, k=rng.randint(3, 40)))
    yield from ("".join(map(chr, rng.choices(range(0x110000), k=200))) for _ in range(50))


def judged(response):
    first = verify("maze", response, GRID)
    assert first == verify("maze", response, GRID)
    assert first.score in (0.0, 1.0) and first.correct == (first.score == 1.0) == (first.reason == "correct")
    assert first.reason in REASONS and set(first.extracted) <= set("LRUD")
    assert first.correct == independent(first.extracted)
    # what was read stands in the response, in that order: nothing is made up
    letters = iter(response)
    assert all(any(letter in (move, move.lower()) for letter in letters) for move in first.extracted)
    return first


def test_no_hostile_response_raises_or_is_right_unless_its_walk_is():
    responses = list(hostile())
    assert len(set(responses)) > 800
    verdicts = [judged(response) for response in responses]
    assert {verdict.reason for verdict in verdicts} == set(REASONS)


text = st.text(st.characters(exclude_categories=()), max_size=60)  # lone surrogates too
markup = st.lists(
    st.sampled_from(
        ["<answer>", "</answer>", "\\boxed{", "boxed", "$", "{", "}", RIGHT, "L", "R", "U", "D", "d", "\n", "x"]
    )
).map("".join)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.one_of(text, markup, st.tuples(markup, text, markup).map("".join)))
def test_any_text_at_all_gets_a_verdict(response):
    judged(response)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("LRUD", max_size=12), markup)
def test_the_last_tag_decides_whatever_stands_before_it(path, before):
    verdict = verify("maze", f"{before}</answer><answer>{path}</answer> the end", GRID)
    assert verdict.extracted == path and verdict.correct == independent(path)


@every(
    "unit",
    [
        "<answer>",
        "</answer>",
        "<answer></answer>",
        "\\boxed{",
        "{",
        "}",
        "\\boxed{}",
        "<",
        "\\",
        "LR",
        "x",
        "\ufb02",
    ],
)
def test_a_megabyte_takes_no_longer_than_its_length(unit):
    response = unit * (1_000_000 // len(unit))
    start = time.process_time()
    verify("maze", response, GRID)
    verify("maze", response[::-1], GRID)
    assert time.process_time() - start < 10  # quadratic would be hours
