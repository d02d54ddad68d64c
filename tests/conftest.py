"""What holds for all tests."""

import contextlib
import signal

import pytest

with contextlib.suppress(ImportError):  # the adapters' environment has none
    from hypothesis import settings

    # The same examples in every run, and none that fails because the machine was busy.
    settings.register_profile("passk", deadline=None, derandomize=True)
    settings.load_profile("passk")

# Where the tests run in the background of a shell, SIGINT is ignored, and what is started here would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of several processes of tests, one has all of a file, and of the files that share the run `finished`."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            whose = "finished" if "finished" in getattr(item, "fixturenames", ()) else str(item.path)
            item.add_marker(pytest.mark.xdist_group(whose))
