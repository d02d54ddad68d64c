"""Many cases in one test. A test of its own for each takes ten times as long as most of the cases."""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def case(*words: object) -> Iterator[None]:
    """Add the case to the report of an error in the block."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"case: {', '.join(map(repr, words))}")
        raise


def every(names: str | Sequence[str], cases: Iterable[Any], ids: object = None) -> Callable[[Callable], Callable]:
    """Run a test for every case, with the arguments of pytest.mark.parametrize. The first error names its case.

    All cases share the test's fixtures. ids: only for pytest.mark.parametrize, since there is one test.
    """
    fields, rows = names.replace(",", " ").split() if isinstance(names, str) else list(names), list(cases)
    assert rows, "no case"

    def decorated(test: Callable) -> Callable:
        @functools.wraps(test)
        def run(**fixtures: object) -> None:
            for row in rows:
                values = getattr(row, "values", None) if hasattr(row, "marks") else (row if len(fields) > 1 else (row,))
                with case(*values):
                    test(**fixtures, **dict(zip(fields, values, strict=True)))

        parameters = inspect.signature(test).parameters
        run.__signature__ = inspect.Signature([each for name, each in parameters.items() if name not in fields])
        return run

    return decorated
