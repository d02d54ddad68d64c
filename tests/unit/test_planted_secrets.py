"""Keys and passwords are planted wherever a run meets them, and looked for in every byte that it writes and shows."""

import json
import logging
import shutil
import sys
from types import SimpleNamespace

import duckdb
import pytest

from passk.base import logs
from passk.base.errors import ConfigError, PasskError
from passk.experiment import config
from passk.experiment.config import parse
from passk.experiment.plan import plan
from passk.experiment.validate import check
from passk.files.layout import write_json
from passk.pipeline import run_record
from passk.pipeline.run_record import RunRecord
from passk.runtime import failures
from passk.store import export, rebuild
from reports import write_report
from tasks import artifacts
from tasks.logs import one_line_errors

ENVIRONMENT = {
    "WANDB_API_KEY": "0123456789abcdef0123456789abcdef01234567",
    "HF_TOKEN": "an-environments-own-token",
    "MLFLOW_TRACKING_PASSWORD": "environment-password",
    "PREFECT_API_AUTH_STRING": "passk:prefect-servers-string",
}
FORMS = {
    "question": "hf_" + "planted1" * 4,
    "model": "path-password",
    "argument": "sk-" + "planted2" * 4,
    "command": "typed-password",
    "log": "glpat-" + "planted3" * 3,
    "option": "option-password",
    "failure": "eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl",
}
BARE = ENVIRONMENT["PREFECT_API_AUTH_STRING"].partition(":")[2]
PLANTED = {**ENVIRONMENT, **FORMS, "password of the string": BARE}
EXPERIMENT = {
    "name": "maze-cpu", "question": "?", "seed": 1, "model": {"tiny": {}},
    "problems": {name: {"source": "maze", "split": name, "size": 64} for name in ("train", "test")},
    "stages": {
        "warm": {"kind": "sft", "problems": "train", "steps": 4, "lr": 1e-3},
        "pass1": {
            "kind": "rl", "from": "warm", "problems": "train", "advantage": "grpo", "steps": 1, "prompts_per_step": 4,
                  "rollouts_per_prompt": 16,
            "lr": 1e-4, "max_prompt": 31, "max_response": 8,
        },
    },
    "benchmarks": {"test": {"problems": "test", "samples": 8, "max_response": 8}},
    "compute": {"profile": "cpu"},
}  # fmt: skip


@pytest.fixture
def planted(monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def found_in(content):
    raw = content if isinstance(content, bytes) else str(content).encode()
    return [what for what, secret in PLANTED.items() if secret.encode() in raw]


def with_secrets():
    """The experiment, as no check would let it pass: all that follows is the second wall."""
    options = {"api_key": FORMS["option"], "address": f"https://ann:{FORMS['model']}@example.org"}
    return parse(
        {
            **EXPERIMENT,
            "question": f"Does {FORMS['question']} or {ENVIRONMENT['HF_TOKEN']} open it?",
            "model": {"path": f"https://ann:{FORMS['model']}@example.org/m"},
            "stages": {**EXPERIMENT["stages"], "pass1": {**EXPERIMENT["stages"]["pass1"], "options": options}},
        }
    )


COMMAND = [
    "/bin/passk", "run", "x.yaml", "--token", FORMS["argument"], f"PASSWORD={FORMS['command']}", ENVIRONMENT["HF_TOKEN"]
]  # fmt: skip
LOG = [
    f"wandb: logging in with {ENVIRONMENT['WANDB_API_KEY']}",
    f"RuntimeError: 401 for {FORMS['log']} and {ENVIRONMENT['MLFLOW_TRACKING_PASSWORD']}",
    f"httpx: {ENVIRONMENT['PREFECT_API_AUTH_STRING']}, or {BARE} alone",
]


@pytest.fixture(scope="module")
def ran(filed_once, tmp_path_factory):
    """A run's files, its record written by the flow's own pieces, the log of a failed stage, store and report."""
    filed = type(filed_once)(tmp_path_factory.mktemp("planted") / "runs", filed_once.name)
    shutil.copytree(filed_once.runs, filed.runs)
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        yield written(filed, monkeypatch)


def written(filed, monkeypatch):
    laid_out = plan(with_secrets(), filed.runs)
    (filed.directory / "experiment.json").rename(filed.directory / "before.json")
    monkeypatch.setattr(sys, "argv", COMMAND)
    run = RunRecord(laid_out, run_record.spelled_command())
    planned = laid_out.stages[1]
    planned.directory.mkdir(parents=True)
    log = planned.directory / "log.txt"
    log.write_text("\n".join([*LOG, ""]))
    with pytest.raises(failures.StageFailed) as raised, run.phase("train pass1"):
        raise failures.StageFailed(failures.read(log, 0, 1).reason, "code")
    with pytest.raises(ValueError), run.phase("evaluate"):
        raise ValueError(FORMS["failure"])
    run.failed("pass1", str(raised.value))
    run.failed("evaluate", f"ValueError: {FORMS['failure']}")
    run.ended()
    # the stages and samples of the existing run, under this record
    written = json.loads((filed.directory / "experiment.json").read_text())
    before = json.loads((filed.directory / "before.json").read_text())
    stages = {"warm": before["stages"]["warm"], "pass1": before["stages"]["pass1"]}
    evaluations = [key for key in before["evaluations"] if key.startswith(("key-warm", "key-pass1-"))]
    config = {**written["config"], "benchmarks": before["config"]["benchmarks"]}
    write_json(
        filed.directory / "experiment.json", {**written, "config": config, "stages": stages, "evaluations": evaluations}
    )
    (filed.directory / "before.json").unlink()
    rebuild(filed.runs)
    write_report(filed.store, filed.directory)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    return SimpleNamespace(run=filed, planned=planned, log=log)


@pytest.mark.parametrize("where", ["question", "model.path", "stages.pass1.options.address", "name"])
@pytest.mark.parametrize(
    "secret", ["hf_" + "aB3x" * 6, "https://ann:pw123456@example.org", "an-environments-own-token"]
)
def test_an_experiment_with_a_secret_in_it_is_refused_by_its_field_and_the_secret_is_not_repeated(
    planted, where, secret
):
    if where == "name":
        secret = "an-environments-own-token"
    raw = json.loads(json.dumps(EXPERIMENT))
    *path, last = where.split(".")
    if where == "model.path":
        raw["model"] = {}
    place = raw
    for key in path:
        place = place.setdefault(key, {})
    place[last] = f"a {secret}" if where == "question" else secret
    with pytest.raises(ConfigError) as refused:
        check(parse(raw))
    assert str(refused.value).startswith(f"{where}: contains a key or a password")
    assert secret not in str(refused.value)


def test_a_mistake_in_a_file_is_told_without_the_secret_beside_it(planted):
    with pytest.raises(ConfigError) as refused:
        config.parse({**EXPERIMENT, "seed": ENVIRONMENT["HF_TOKEN"]})
    assert "seed" in str(refused.value) and not found_in(refused.value)


def test_no_secret_is_in_any_file_of_a_run_but_the_log_that_others_wrote(ran):
    for file in ran.run.runs.rglob("*"):
        if file.is_file() and file != ran.log:
            assert not found_in(file.read_bytes()), file.name
    record = (ran.run.directory / "experiment.json").read_text()
    assert record.count("[hidden]") >= 8, "nothing was planted, and the test shows nothing"
    assert "passk run x.yaml --token '[hidden]' 'PASSWORD=[hidden]'" in json.loads(record)["command"]


def test_no_secret_is_in_the_store_by_its_bytes_or_its_tables(ran, tmp_path):
    assert not found_in(ran.run.store.read_bytes())
    with duckdb.connect(str(ran.run.store), read_only=True) as connection:
        names = [
            name for (name,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        ]
        names += [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        for name in names:
            assert not found_in(connection.execute(f'FROM "{name}"').fetchall()), name
        (failed,) = connection.execute("SELECT count(*) FROM failed_attempts WHERE reason LIKE '%[hidden]%'").fetchone()
        assert failed == 2
    export(ran.run.store, tmp_path / "out")
    assert not [file for file in (tmp_path / "out").iterdir() if found_in(file.read_bytes())]


def test_what_an_earlier_passk_wrote_into_its_files_does_not_get_into_a_store_made_again(ran, tmp_path):
    run = type(ran.run)(tmp_path / "runs", ran.run.name)
    shutil.copytree(ran.run.runs, run.runs)
    record = json.loads((run.directory / "experiment.json").read_text())
    write_json(run.directory / "experiment.json", {**record, "command": " ".join(COMMAND), "question": " ".join(LOG)})
    assert rebuild(run.runs).skipped == []
    assert not found_in(run.store.read_bytes())
    text = write_report(run.store, run.directory).read_text()
    assert "wandb: logging in with \\[hidden\\]" in text and not found_in(text)


class Kept:
    """Stands for the server: what would have been sent to it."""

    def __init__(self, monkeypatch):
        self.sent = []
        for name in ("progress", "markdown", "table"):
            monkeypatch.setattr(artifacts, f"create_{name}_artifact", self._keep)
        monkeypatch.setattr(artifacts, "update_progress_artifact", self._keep)
        monkeypatch.setattr(artifacts, "_rewrite", self._keep)
        logger = SimpleNamespace(log=self._keep, warning=self._keep)
        monkeypatch.setattr(artifacts, "get_run_logger", lambda: logger)

    def _keep(self, *words, **named):
        self.sent.append(f"{words} {named}")
        return "an id"


def test_no_secret_is_in_what_prefect_is_given_to_show(ran, monkeypatch):
    kept = Kept(monkeypatch)
    view = artifacts.StageView(ran.planned)
    logs.show()
    with logs.sent_to(view.show):
        logging.getLogger("passk.pipeline.stages").info("warm: goes on with %s", ENVIRONMENT["HF_TOKEN"])
    view.failed(" ".join(LOG))
    artifacts.results("maze-cpu", [{"checkpoint": "warm"}])
    artifacts.report("maze-cpu", ran.run.directory / "report.md")
    artifacts.sweep("sweep of two", {"maze-cpu": " ".join(LOG)}, ran.run.runs)
    together = "\n".join(kept.sent)
    assert "The log ends" in together and "Provenance" in together and together.count("[hidden]") >= 8
    assert not found_in(together)


def test_no_secret_is_in_the_log_of_the_flow_be_it_ours_or_a_bugs_traceback(planted, monkeypatch):
    one_line_errors()
    lines = []
    handler = logging.Handler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.emit = lambda record: lines.append(handler.format(record))
    logger = logging.getLogger("prefect.task_runs")
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "level", logging.INFO)
    try:
        logger.info("trains on %s", " ".join(LOG))
        for error in (PasskError(" ".join(LOG)), KeyError(FORMS["failure"])):
            try:
                raise error
            except Exception:
                logger.exception("Task run failed with %r", error)
    finally:
        logger.removeHandler(handler)
    assert len(lines) == 3 and "Traceback" in lines[2] and "[hidden]" in lines[2]
    assert not found_in("\n".join(lines))
