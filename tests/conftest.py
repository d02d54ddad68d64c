"""What holds for all tests."""

import signal

# Where the tests run in the background of a shell, SIGINT is ignored, and what is started here would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)
