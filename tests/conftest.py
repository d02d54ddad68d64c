"""What holds for all tests."""

import contextlib
import signal

with contextlib.suppress(ImportError):  # the adapters' environment has none
    from hypothesis import settings

    # The same examples in every run, and none that fails because the machine was busy.
    settings.register_profile("passk", deadline=None, derandomize=True)
    settings.load_profile("passk")

# Where the tests run in the background of a shell, SIGINT is ignored, and what is started here would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)
