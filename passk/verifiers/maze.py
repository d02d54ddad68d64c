r"""Judge mazes as the Pass@k Training paper's own code does (arXiv 2508.10751, `code/maze_verifier.py`).

The reading has three steps, as there:

1. If the response has both <answer> and </answer>, only the text after the last <answer> counts, up to the
   first </answer> after it. If no </answer> follows, the text counts to its end.
2. If that text holds the word "boxed", only what follows the last one counts. After "boxed{" the text counts
   to the matching brace, or to its end if there is none. Without that brace it counts to the next dollar sign.
3. Of the text that is left, each letter L R U D is a move, in either case. Everything else is skipped.

The walk starts at S. It is correct if it never leaves the grid, never enters a wall and ends on E. It need not
be the shortest. A walk that continues after E is incorrect.

One form differs from the paper's code: a ligature is no move (there the "\ufb02" of "of\ufb02oad" counts as F and L).
Every form and its verdict stands in docs/verifiers-maze.md. Time is linear in the response.
"""

import re

from passk.verifiers import AnswerError, Verdict

REASONS = ("correct", "empty", "off the grid", "into a wall", "not at the end")
EXAMPLE = ("I go right. <answer>RR</answer>", "S.E\n.*.\n...")
NEEDS_DEADLINE = False

_MOVES = {"L": (0, -1), "R": (0, 1), "U": (-1, 0), "D": (1, 0)}
_NOT_A_MOVE = re.compile("[^LRUDlrud]+")
_BRACE = re.compile("[{}]")


def verify(response: str, answer: str) -> Verdict:
    """Judge a response by its walk through the grid `answer`, one row a line; `extracted` is that walk.

    Raises AnswerError if the grid does not have exactly one S and one E; never for a response.
    """
    return walked(_NOT_A_MOVE.sub("", _read(response)).upper(), answer)


def check_answer(answer: str) -> str | None:
    """Return why the verifier cannot use a grid, or None. A path from S to E need not exist."""
    try:
        _grid(answer)
    except AnswerError as error:
        return str(error)
    return None


def walked(moves: str, answer: str) -> Verdict:
    """Return the verdict on a walk of the letters L R U D through the maze `answer`."""
    rows, (row, column) = _grid(answer)
    if not moves:
        return Verdict(0.0, False, "", "empty")
    for move in moves:
        row, column = row + _MOVES[move][0], column + _MOVES[move][1]
        if not (0 <= row < len(rows) and 0 <= column < len(rows[row])):
            return Verdict(0.0, False, moves, "off the grid")
        if rows[row][column] == "*":
            return Verdict(0.0, False, moves, "into a wall")
    if rows[row][column] != "E":
        return Verdict(0.0, False, moves, "not at the end")
    return Verdict(1.0, True, moves, "correct")


def _grid(answer: str) -> tuple[list[str], tuple[int, int]]:
    if answer.count("S") != 1 or answer.count("E") != 1:
        raise AnswerError("answer: not a maze, it has not exactly one S and one E")
    rows = answer.strip("\n").split("\n")
    row = next(index for index, cells in enumerate(rows) if "S" in cells)
    return rows, (row, rows[row].index("S"))


def _read(response: str) -> str:
    """Return the part of the response whose letters are walked."""
    text = response
    if "<answer>" in text and "</answer>" in text:
        text = text.rpartition("<answer>")[2].partition("</answer>")[0]
    _, boxed, content = text.rpartition("boxed")
    if not boxed:
        return text
    return _braced(content) if content.startswith("{") else content.partition("$")[0]


def _braced(text: str) -> str:
    """Return `text` from its first brace to the matching one, or to the end if there is none."""
    depth = 0
    for brace in _BRACE.finditer(text):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return text[: brace.start()]
    return text
