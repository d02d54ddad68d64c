"""Mazes, judged by the answer tag only. maze.py accepts more forms.

The answer is the content of the last <answer>...</answer> after the thinking (</think>). Without a tag there is no
answer. The tag must have only the moves L R U D, in either case, with spaces, commas, semicolons, hyphens and arrows
between them. A word or another sign makes it no path. The walk is judged like in maze.py. Time is linear in the
response.
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
    """Judge a response by its walk through the grid `answer`. Raises AnswerError for an invalid grid."""
    if problem := check_answer(answer):
        raise maze.AnswerError(problem)
    tagged = last_answer(after_thinking(response))
    if tagged is None:
        return Verdict(0.0, False, "", "no answer tag")
    # .upper() would turn a ligature into letters.
    moves = _SEPARATOR.sub("", tagged).translate(_UPPER)
    if not _PATH.fullmatch(moves):
        return Verdict(0.0, False, "", "not a path")
    return maze.walked(moves, answer)


check_answer = maze.check_answer
_UPPER = str.maketrans("lrud", "LRUD")
