"""Which failed try of a step is followed by another, and after how long. Only tries that got no further count.

So a stage may lose a worker every hour for days, and what fails again and again at the same place ends. A head or a
node that is away for ten minutes is waited for.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from passk.base.errors import PasskError

FIRST_SECONDS, LONGEST_SECONDS = 5.0, 300.0
FRUITLESS = 8
"""tries in a row without a step more, after which it is given up; their waits come to 10 to 15 minutes"""
HUNG_COUNTS = 3
"""a try that hung has cost compute.stall_timeout_s"""
IN_ALL = 100
"""tries of one step in one run, however far each of them came"""


@dataclass
class _Count:
    furthest: Any
    fruitless: int = 0
    failed: bool = False


class Tries:
    """The tries of one run, by the name of what is tried."""

    def __init__(self, pause: Callable[[float], None]) -> None:
        """pause: waits so many seconds, or raises where the run is stopped meanwhile."""
        self._pause = pause
        self._counts: dict[str, _Count] = {}

    @contextmanager
    def one(self, name: str, reached: Callable[[], Any], say: Callable[[str], None]) -> Iterator[None]:
        """Do what is inside as the next try of `name`; after a failed one it waits first.

        reached: how far it is, larger where it is further. An error that is worth another try (its `retry` is true)
        is raised as it is, or without that where it is given up.
        """
        count = self._counts.setdefault(name, _Count(reached()))
        if count.failed:
            seconds = delay(count.fruitless)
            say(f"{name}: tries again in {seconds:.0f} s")
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
                say(f"{name}: given up, it came no further in spite of all tries")
                raise PasskError(str(error)) from None
            raise


def delay(fruitless: int) -> float:
    """Seconds, random so that no two runs that lost the same node come back at once."""
    doubled = FIRST_SECONDS * 2 ** max(0, fruitless - 1)
    return min(doubled, LONGEST_SECONDS) * random.uniform(1, 1.5)
