r"""Mazes, judged as the Pass@k Training paper's own code judges them (arXiv 2508.10751).

Read is the last <answer>...</answer>; without one the last \boxed{...}; without that the whole response. Of
what is read only the letters L R U D count, in either case; everything else is passed over. They are walked
from S: right is a walk of at least one move that never leaves the grid, never enters a wall and whose last
cell is E. Passing through E and going on is wrong, and a longer way than the shortest is right.

Two things follow, and are meant: a response without tags is judged by every such letter in its prose, and
so is a word inside the tags. Only ASCII letters move: the ligature in the middle of "of\ufb02oad" would
upper-case to F L.

Linear in the response, whatever it holds: no pattern backtracks, nothing recurses.
"""

import re

from passk.verifiers import AnswerError, Verdict
from passk.verifiers.extract import last_answer, last_box

REASONS = ("correct", "empty", "off the grid", "into a wall", "not at the end")
EXAMPLE = ("I go right. <answer>RR</answer>", "S.E\n.*.\n...")
NEEDS_DEADLINE = False

_MOVES = {"L": (0, -1), "R": (0, 1), "U": (-1, 0), "D": (1, 0)}
_NOT_A_MOVE = re.compile("[^LRUDlrud]+")


def verify(response: str, answer: str) -> Verdict:
    """`answer` is the grid, its rows on lines of their own; `extracted` the walk, as it was read.

    Raises AnswerError where the answer has not exactly one S and one E; never for a response.
    """
    return walked(_NOT_A_MOVE.sub("", _read(response)).upper(), answer)


def check_answer(answer: str) -> str | None:
    """A maze has one S and one E; that there is a way between them is not asked for."""
    try:
        _grid(answer)
    except AnswerError as error:
        return str(error)
    return None


def walked(moves: str, answer: str) -> Verdict:
    """The verdict on a walk of the letters L R U D through the maze `answer`."""
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
    answer = last_answer(response)
    if answer is None:
        answer = last_box(response)
    return response if answer is None else answer
