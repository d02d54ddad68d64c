"""A loop over cases in one test: an error names its case."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def case(*words: object) -> Iterator[None]:
    """Add the case to the report of an error in the block."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"case: {', '.join(map(repr, words))}")
        raise
