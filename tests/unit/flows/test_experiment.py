"""What the flow does around its steps; the whole of it is in tests/integration/test_flow.py."""

from collections import Counter
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest

from flows import experiment, server
from passk.base.errors import ConfigError, PasskError
from passk.cli import main
from passk.experiment import plan as planning
from passk.experiment import validate, yaml_file
from tasks import logs
from tests.log_lines import logged_lines
from tests.unit.experiment.test_config import GOOD


@pytest.mark.parametrize("error", [PasskError("held by a notebook"), OSError("no room")])
def test_filing_that_fails_while_others_train_is_a_line_in_the_log_and_no_end_of_theirs(monkeypatch, error):
    def ingest(_):
        raise error

    monkeypatch.setattr(experiment.tasks, "ingest", ingest)
    with logged_lines() as said:
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
        raise ConfigError("compute.profile", "too little memory", "free some")

    monkeypatch.setattr(logs, "get_run_logger", lambda: SimpleNamespace(log=print))
    monkeypatch.setattr(experiment.stages, "alone", alone)
    monkeypatch.setattr(experiment.stages, "all_finished", lambda _: finished)
    monkeypatch.setattr(experiment.TrainSlots, "require_memory", require_memory)
    monkeypatch.setattr(experiment, "run_through", lambda *_: done.append("run"))
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    with nullcontext() if finished else pytest.raises(ConfigError, match="too little"):
        experiment.experiment.fn(str(file), str(tmp_path / "runs"))
    assert done == (["waited", "run"] if finished else ["waited", "memory"])


@pytest.fixture
def counts(monkeypatch):
    """How often a file was read, an experiment was checked and a plan was made; the steps themselves are left out."""
    counts = Counter()

    def counted(module, name):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *words: (counts.update([name]), original(*words))[1])

    for module, name in ((yaml_file, "read"), (validate, "check"), (planning, "engine_versions")):
        counted(module, name)
    for module, name in ((main, "check_machine"), (experiment, "check_installation")):
        monkeypatch.setattr(module, name, lambda _: counts.update(["installation"]))
    monkeypatch.setattr(experiment, "flow", lambda **_: lambda function: function)
    monkeypatch.setattr(logs, "get_run_logger", lambda: SimpleNamespace(log=print))
    monkeypatch.setattr(experiment.TrainSlots, "require_memory", lambda *_: None)
    monkeypatch.setattr(experiment, "run_through", lambda laid_out, *_: counts.update([laid_out.experiment.question]))
    monkeypatch.setattr(server, "prefect_server", lambda _: nullcontext("http://127.0.0.1:1/api"))
    monkeypatch.setattr("passk.runtime.environment.be_quiet", lambda: None)
    monkeypatch.setattr("reports.results_table", lambda *_: "")
    return counts


ONCE = {"read": 1, "check": 1, "engine_versions": 1, "installation": 1}


def test_the_command_loads_checks_and_plans_an_experiment_once(counts, tmp_path):
    file = tmp_path / "good.yaml"
    file.write_text(GOOD.replace("question: ", "question: first, "))
    main.run(file, tmp_path / "runs")
    [question] = counts.keys() - ONCE.keys()
    assert question.startswith("first")
    assert {name: counts[name] for name in ONCE} == ONCE


def test_a_deployed_run_does_so_too_and_the_next_one_reads_the_file_again(counts, tmp_path, monkeypatch):
    file = tmp_path / "good.yaml"
    monkeypatch.setattr(experiment, "flow_run", SimpleNamespace(parameters={"file": str(file)}))
    for number, words in ((1, "first, "), (2, "second, ")):
        file.write_text(GOOD.replace("question: ", f"question: {words}"))
        assert experiment.experiment_name() == "small"
        experiment.experiment.fn(str(file), str(tmp_path / "runs"))
        assert {name: counts[name] // number for name in ONCE} == ONCE
        assert any(key.startswith(words) for key in counts)


def test_experiments_of_a_sweep_are_not_read_from_their_files_again(counts, tmp_path, monkeypatch):
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    monkeypatch.setattr(main, "compare", lambda *_: None)
    main.sweep([file], seeds="1,2", runs=tmp_path / "runs")
    assert (counts["read"], counts["check"], counts["Does it help?"]) == (1, 2, 2)


def test_an_invalid_file_names_its_flow_run(tmp_path, monkeypatch):
    (tmp_path / "bad.yaml").write_text("name: [")
    monkeypatch.setattr(experiment, "flow_run", SimpleNamespace(parameters={"file": str(tmp_path / "bad.yaml")}))
    assert experiment.experiment_name() == "bad"
