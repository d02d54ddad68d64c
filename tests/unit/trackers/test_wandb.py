"""W&B's own client: without a server, its file read back; and with as much of a server as it asks for."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from passk.runtime.failures import StageFailed
from passk.trackers import wandb_run
from tests.unit.trackers.stage import KEY, Stage


def offline_records(file):
    """The records of a .wandb file: LevelDB's log format, protobuf in it."""
    from wandb.proto import wandb_internal_pb2

    content, place, parts = file.read_bytes(), 7, b""
    while place + 7 <= len(content):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        size, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        parts += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # a whole record, or the last piece of one
            yield wandb_internal_pb2.Record.FromString(parts)
            parts = b""


def offline_history(stage):
    import wandb

    wandb.teardown()  # its process may write a moment longer than a run's end takes
    (file,) = (stage.plan.directory / "wandb").glob("offline-run-*/*.wandb")
    records = list(offline_records(file))
    history = []
    for record in records:
        if record.HasField("history"):
            values = {
                item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item
            }
            history.append((record.history.step.num or values["_step"], values))
    return records, history


def test_wandb_has_each_step_once_and_in_order_after_a_resume_and_no_file_has_the_key(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    stage = Stage(tmp_path, {"wandb": {"project": "mazes", "entity": "ann"}})
    with pytest.raises(StageFailed), stage.following() as follow:
        for step in (1, 2, 3):
            stage.step(follow, step)
        raise StageFailed("a worker was lost", "lost")
    stage.forget_after(2)
    with stage.following() as follow:
        for step in (3, 4, 5):
            stage.step(follow, step)
        stage.finish()
    records, history = offline_history(stage)
    assert [(step, values["train/reward"]) for step, values in history] == stage.recorded()
    (run,) = [record.run for record in records if record.HasField("run")]
    key = stage.planned.record.key
    assert (run.run_id, run.run_group, run.display_name) == (f"small-{key}", "small", "arm")
    assert (run.project, run.entity) == ("mazes", "ann")
    described = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert (described["advantage"], described["k"], described["seed"]) == ("passk_analytical", 4, 1)
    assert [record.exit.exit_code for record in records if record.HasField("exit")] == [0]
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 5
    assert not [file for file in files if KEY.encode() in file.read_bytes()]
    assert all("W&B: written to" in line for line in stage.said), stage.said


class Server(ThreadingHTTPServer):
    """A W&B server with one run, which remembers its history as W&B's does."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.history, self.runs, self.exits, self.away = [], set(), [], False
        self.asked = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def graphql(self, name, variables):
        if name == "CreateRunFiles":
            files = [{"name": file, "uploadUrl": f"{self.url}/upload"} for file in variables["files"]]
            return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}
        project = {"id": "p", "name": "mazes", "entity": {"id": "e", "name": "ann"}}
        if name == "UpsertBucket":
            self.asked.set()
            self.runs.add((variables["name"], variables["groupName"] or "", variables["displayName"] or ""))
            bucket = {"id": "r", "name": variables["name"], "displayName": "arm", "project": project}
            return {"upsertBucket": {"bucket": bucket, "inserted": not self.history}}
        if name == "RunResumeStatus":
            return {"model": {**project, "bucket": self.bucket(variables["name"]) if self.history else None}}
        return {}

    def bucket(self, name):
        return {
            **{"id": "r", "name": name, "displayName": "arm", "tags": [], "notes": None, "logLineCount": 0},
            **{"historyLineCount": len(self.history), "eventsLineCount": 0, "eventsTail": "[]"},
            **{"historyTail": json.dumps([json.dumps(self.history[-1])]), "config": "{}"},
            **{"summaryMetrics": json.dumps({**self.history[-1], "_wandb": {"runtime": 3}})},
            "wandbConfig": json.dumps({"t": 1}),
        }

    def stream(self, content):
        for line in content.get("files", {}).get("wandb-history.jsonl", {}).get("content", []):
            self.history.append(json.loads(line))
        if "complete" in content:
            self.exits.append(content["exitcode"])
        return {}


class Answers(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
        answer, away = {}, self.server.away
        if not away and self.path.endswith("/graphql"):
            asked = json.loads(body)
            answer = {"data": self.server.graphql(asked.get("operationName"), asked.get("variables"))}
        elif not away and self.path.endswith("/file_stream"):
            answer = self.server.stream(json.loads(body))
        content = json.dumps(answer).encode()
        self.send_response(503 if away else 200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_GET = do_POST


@pytest.fixture
def server(monkeypatch):
    import wandb

    serving = Server()
    monkeypatch.setenv("WANDB_BASE_URL", serving.url)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    yield serving
    wandb.teardown()
    serving.shutdown()


def test_wandb_resumes_the_run_and_sends_no_step_that_its_server_has(server, tmp_path):
    stage = Stage(tmp_path, {"wandb": {"project": "mazes"}})
    with pytest.raises(StageFailed), stage.following() as follow:
        for step in (1, 2, 3):
            stage.step(follow, step)
        raise StageFailed("a worker was lost", "lost")
    first = stage.recorded()
    stage.forget_after(1)
    with stage.following() as follow:
        for step in (2, 3, 4):
            stage.step(follow, step)
        stage.finish()
    # Of the steps that were done twice, the tracker has the first.
    assert [(line["_step"], line["train/reward"]) for line in server.history] == [*first, stage.recorded()[-1]]
    assert server.exits == [1, 0]
    assert (f"small-{stage.planned.record.key}", "small", "arm") in server.runs
    assert all("may not" not in line for line in stage.said), stage.said
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]


def test_a_server_of_wandb_that_goes_away_is_one_line_with_the_fix(server, tmp_path, monkeypatch):
    monkeypatch.setattr(wandb_run, "FINISH_SECONDS", 1.0)
    stage = Stage(tmp_path, {"wandb": {"project": "mazes"}})
    with stage.following() as follow:
        stage.step(follow, 1)
        assert server.asked.wait(20)
        server.away = True
        stage.step(follow, 2)
    assert [line for line in stage.said if "wandb sync" in line] == stage.said[-1:]


def test_wandb_has_each_held_out_evaluation_once_over_an_axis_of_its_own_after_a_resume(server, tmp_path):
    stage = Stage(tmp_path, {"wandb": {"project": "mazes"}})
    with pytest.raises(StageFailed), stage.following() as follow:
        stage.evaluate(follow.evaluated, 0, "easy")
        for step in (1, 2):
            stage.step(follow, step)
        stage.evaluate(follow.evaluated, 2, "easy")
        raise StageFailed("a worker was lost", "lost")
    first = stage.evaluated("easy")
    stage.forget_after(1)
    with stage.following() as follow:
        stage.step(follow, 2)
        stage.evaluate(follow.evaluated, 2, "easy")
        stage.evaluate(follow.evaluated, 2, "hard")  # after the kill, and of a step that the server has
        stage.step(follow, 3)
        stage.finish()

    def received(benchmark):
        name = f"held_out/{benchmark}"
        return [
            (line[f"{name}/step"], line[f"{name}/pass_at_k/1"]) for line in server.history if f"{name}/step" in line
        ]

    assert received("easy") == first, "of an evaluation that was done twice, the first"
    assert received("hard") == stage.evaluated("hard")
    assert [line["_step"] for line in server.history if "train/reward" in line] == [1, 2, 3]
