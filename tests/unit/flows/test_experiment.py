"""What the flow does around its steps; the whole of it is in tests/integration/test_flow.py."""

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest

from flows import experiment
from passk.base.errors import ConfigError, PasskError
from tests.unit.experiment.test_config import GOOD


@pytest.mark.parametrize("error", [PasskError("held by a notebook"), OSError("no room")])
def test_filing_that_fails_while_others_train_is_a_line_in_the_log_and_no_end_of_theirs(monkeypatch, error):
    said = []

    def ingest(_):
        raise error

    monkeypatch.setattr(experiment.tasks, "ingest", ingest)
    monkeypatch.setattr(
        experiment, "get_run_logger", lambda: SimpleNamespace(warning=lambda line, *words: said.append(line % words))
    )
    experiment.ingest_meanwhile(None, SimpleNamespace(phase=lambda _: nullcontext()))
    assert said == [f"not ingested yet ({error}); the run retries at its end"]


@pytest.mark.parametrize("finished", [True, False])
def test_memory_is_asked_for_after_the_wait_for_others_and_not_where_nothing_is_left_to_do(
    monkeypatch, tmp_path, finished
):
    done = []

    @contextmanager
    def alone(*_):
        done.append("waited")
        yield

    def require_memory(*_):
        done.append("memory")
        raise ConfigError("too little")

    monkeypatch.setattr(experiment, "get_run_logger", lambda: SimpleNamespace(info=print))
    monkeypatch.setattr(experiment.stages, "alone", alone)
    monkeypatch.setattr(experiment.stages, "all_finished", lambda _: finished)
    monkeypatch.setattr(experiment.Places, "require_memory", require_memory)
    monkeypatch.setattr(experiment, "run_through", lambda *_: done.append("run"))
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    with nullcontext() if finished else pytest.raises(ConfigError, match="too little"):
        experiment.experiment.fn(str(file), str(tmp_path / "runs"))
    assert done == (["waited", "run"] if finished else ["waited", "memory"])
