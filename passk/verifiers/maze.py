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

from passk.verifiers import Verdict

REASONS = ("correct", "empty", "off the grid", "into a wall", "not at the end")

_MOVES = {"L": (0, -1), "R": (0, 1), "U": (-1, 0), "D": (1, 0)}
_NOT_A_MOVE = re.compile("[^LRUDlrud]+")
_BRACE = re.compile(r"\\boxed\{|[{}]")


def verify(response: str, answer: str) -> Verdict:
    """`answer` is the grid, its rows on lines of their own; `extracted` the walk, as it was read.

    Raises ValueError where the answer has not exactly one S and one E; never for a response.
    """
    rows, (row, column) = _grid(answer)
    moves = _NOT_A_MOVE.sub("", _read(response)).upper()
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
        raise ValueError("answer: not a maze, it has not exactly one S and one E")
    rows = answer.strip("\n").split("\n")
    row = next(index for index, cells in enumerate(rows) if "S" in cells)
    return rows, (row, rows[row].index("S"))


def _read(response: str) -> str:
    answer = _last_answer(response)
    if answer is None:
        answer = _last_box(response)
    return response if answer is None else answer


def _last_answer(response: str) -> str | None:
    """What stands in the last pair of tags; of tags opened inside each other, the innermost."""
    found, position = None, 0
    while (start := response.find("<answer>", position)) >= 0:
        end = response.find("</answer>", start)
        if end < 0:
            break
        found, position = response[start:end].rpartition("<answer>")[2], end
    return found


def _last_box(response: str) -> str | None:
    r"""What stands in the \boxed{ } that opens last among those that are closed."""
    if "\\boxed{" not in response:
        return None
    last: tuple[int, int] | None = None
    opened: list[tuple[int, bool]] = []  # where the content of each open brace begins; whether it is a box
    for brace in _BRACE.finditer(response):
        if brace[0] != "}":
            opened.append((brace.end(), brace[0] != "{"))
        elif opened:
            start, is_box = opened.pop()
            if is_box and (last is None or start > last[0]):
                last = (start, brace.start())
    return None if last is None else response[last[0] : last[1]]
