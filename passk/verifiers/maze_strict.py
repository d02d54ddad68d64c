"""Mazes, judged by the answer tag alone: what the official meaning (maze.py) lets pass is no answer here.

Read is the last <answer>...</answer> after the thinking (</think>), and nothing where there is none. In it
stand the moves L R U D, in either case, with nothing between them but spaces, commas, semicolons, hyphens
and arrows; a word or any other sign makes it no path at all. The walk is then judged as in maze.py. The
last tag decides, whatever the ones before it hold. Linear in the response.
"""

import re

from passk.verifiers import Verdict, maze
from passk.verifiers.extract import after_thinking, last_answer

REASONS = (*maze.REASONS, "no answer tag", "not a path")
EXAMPLE = maze.EXAMPLE
NEEDS_DEADLINE = False

_SEPARATOR = re.compile(r"[\s,;>→-]+")
_PATH = re.compile("[LRUD]*")


def verify(response: str, answer: str) -> Verdict:
    """`answer` is the grid. Raises AnswerError where that is no maze; never for a response."""
    if problem := check_answer(answer):
        raise maze.AnswerError(problem)
    tagged = last_answer(after_thinking(response))
    if tagged is None:
        return Verdict(0.0, False, "", "no answer tag")
    # not .upper() before the look: a ligature would become letters
    moves = _SEPARATOR.sub("", tagged).translate(_UPPER)
    if not _PATH.fullmatch(moves):
        return Verdict(0.0, False, "", "not a path")
    return maze.walked(moves, answer)


check_answer = maze.check_answer
_UPPER = str.maketrans("lrud", "LRUD")
