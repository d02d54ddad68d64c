"""Retries of a step: whether a failed attempt is followed by another, and after which delay.

A step is retried until eight attempts in a row make no progress. A stage may therefore lose a worker every hour for
days, and an error that repeats at the same step ends the stage. The delays outlast a head or node that is away for ten
minutes.
"""

import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from passk.base.errors import PasskError

log = logging.getLogger(__name__)
FIRST_SECONDS, LONGEST_SECONDS = 5.0, 300.0
FRUITLESS = 8
"""Attempts in a row without progress after which a step fails; their delays total 10 to 15 minutes."""
HUNG_COUNTS = 3
"""Number of attempts that a hung one counts as, since it took compute.stall_timeout_s."""
IN_ALL = 100
"""Most attempts of one step in one run, with or without progress."""


@dataclass
class _Count:
    furthest: Any
    fruitless: int = 0
    failed: bool = False


class Retries:
    """The attempts of one run, by the name of the step."""

    def __init__(self, pause: Callable[[float], None]) -> None:
        """pause: waits a number of seconds, or raises if the run is stopped."""
        self._pause = pause
        self._counts: dict[str, _Count] = {}

    @contextmanager
    def one(self, name: str, reached: Callable[[], Any]) -> Iterator[None]:
        """Run the block as the next attempt of `name`, after a delay if the previous one failed.

        reached: returns the progress, a larger value for more. An error whose `retry` is true is raised unchanged, or
        without `retry` after the last attempt.
        """
        count = self._counts.setdefault(name, _Count(reached()))
        if count.failed:
            seconds = delay(count.fruitless)
            log.info("%s: retrying in %.0f s", name, seconds)
            self._pause(seconds)
        try:
            yield
        except PasskError as error:
            if not getattr(error, "retry", False):
                raise
            now, count.failed = reached(), True
            if now > count.furthest:
                count.furthest, count.fruitless = now, 0
            else:
                count.fruitless += HUNG_COUNTS if getattr(error, "kind", "") == "hung" else 1
            if count.fruitless >= FRUITLESS:
                log.info("%s: no further retries, since %d attempts in a row made no progress", name, FRUITLESS)
                raise PasskError(str(error)) from None
            raise


def delay(fruitless: int) -> float:
    """Return the seconds before an attempt; they are random, so that runs which lost the same node do not coincide."""
    doubled = FIRST_SECONDS * 2 ** max(0, fruitless - 1)
    return min(doubled, LONGEST_SECONDS) * random.uniform(1, 1.5)
