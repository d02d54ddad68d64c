"""What the flow does around its steps; the whole of it is in tests/integration/test_flow.py."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from flows import experiment
from passk.errors import PasskError


@pytest.mark.parametrize("error", [PasskError("held by a notebook"), OSError("no room")])
def test_filing_that_fails_while_others_train_is_a_line_in_the_log_and_no_end_of_theirs(monkeypatch, error):
    said = []

    def file(_):
        raise error

    monkeypatch.setattr(experiment.tasks, "file", file)
    monkeypatch.setattr(
        experiment, "get_run_logger", lambda: SimpleNamespace(warning=lambda line, *words: said.append(line % words))
    )
    experiment.file_meanwhile(None, SimpleNamespace(phase=lambda _: nullcontext()))
    assert said == [f"not filed yet ({error}); it is tried again at the end"]
