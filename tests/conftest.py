"""What holds for all tests."""

import ast
import contextlib
import gc
import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from passk.base import logs

with contextlib.suppress(ImportError):  # the adapters' environment has none
    from hypothesis import settings

    # The same examples in every run, and none that fails because the machine was busy.
    settings.register_profile("passk", deadline=None, derandomize=True)
    settings.load_profile("passk")

# Where the tests run in the background of a shell, SIGINT is ignored, and what is started here would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_shown_logs() -> Iterator[None]:
    """Undo `logs.show` of the test before, so that pytest's own handlers get the lines again."""
    yield
    for logger in map(logging.getLogger, logs.PACKAGES):
        if logger.propagate and logger.level == logging.NOTSET and not logger.handlers:
            continue  # setLevel goes through the thousands of loggers of all imported packages
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
        for handler in list(logger.handlers):
            logger.removeHandler(handler)


# These files share what a session fixture starts: with `-n`, one process runs them all.
TOGETHER = {"integration/test_estimators.py", "integration/test_experiment.py", "integration/test_exposure.py"}
# So do the files of each of these rooms, which share runs, their stores and reports.
SHARING = ("unit/reports/", "unit/studies/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each process whole files, the files of TOGETHER to one process, and those of a room of SHARING to one."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            name = file.removeprefix("tests/")
            return "together" if name in TOGETHER else next((room for room in SHARING if name.startswith(room)), file)

    return Scheduling(config, log)


missing = [file for file in TOGETHER if not (Path(__file__).parent / file).is_file()]
assert not missing, f"no such files: {missing}; follow their new names here"


def slow(file: Path) -> bool:
    """Return whether a file marks all its tests as slow, by `pytestmark`."""
    text = file.read_text()
    nodes = ast.parse(text).body if "pytestmark" in text else []
    marks = [ast.unparse(node) for node in nodes if isinstance(node, ast.Assign)]
    return any(mark.startswith("pytestmark = ") and "pytest.mark.slow" in mark for mark in marks)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import the slow files for `make test`: their engines' packages take seconds in each process.

    `make test-all` runs them too.
    """
    left_out = config.option.markexpr == "not slow" and collection_path.match("test_*.py") and slow(collection_path)
    return True if left_out else None


def pytest_collection_finish() -> None:
    """Keep the collector of garbage from going over millions of objects of imported packages again and again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()  # else extension modules report at the end that they leak
