"""An endpoint as engine: what it is asked, what its faults cost, and what a resume asks again."""

import json
import math
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pyarrow.parquet
import pytest

from passk.base.errors import ConfigError, PasskError
from passk.evaluation import endpoint_client, evaluate
from passk.evaluation.endpoint import Endpoint
from passk.evaluation.endpoint_client import Client
from passk.evaluation.request import Request, Work, problem_seed
from passk.experiment import config, validate
from passk.experiment.engine import Engine
from passk.files import layout
from passk.pipeline import endpoint_check
from passk.problems import Problem, save
from tests.unit.each import every
from tests.unit.evaluation.faulty import endpoint

CONFIG = {"samples": 2, "k": [1], "temperature": 0.5, "top_p": 0.9, "max_response": 12, "max_failed": 0.05, "stop": []}


@pytest.fixture
def faulty(monkeypatch):
    monkeypatch.setattr(endpoint_client, "LONGEST_PAUSE", 0.01)
    with endpoint() as running:
        yield running


def engine(faulty, **fields):
    return Engine(url=faulty.url, model="m", **fields).model_dump(mode="json")


def request(tmp_path, faulty, problems=3, **fields):
    rows = [Problem(f"p{i}", f"What is {i}?", "1", "exact", "test", "", "", {}) for i in range(problems)]
    file = tmp_path / "problems.parquet"
    save(rows, file)
    record = {"key": "k", "experiment": "e", "checkpoint": "base", "stage": None, "benchmark": "b", "problems": "f"}
    record |= {"config": CONFIG, "seed": 3, "versions": {}}
    directory = tmp_path / "evaluation"
    return Request(record, "m", str(file), str(directory), engine(faulty, **fields))


def sampled(request, tmp_path):
    with closing(Endpoint()) as engines:
        evaluate.sample(engines, request, tmp_path / "metrics.jsonl")
    table = pyarrow.parquet.read_table(tmp_path / "evaluation" / "samples.parquet")
    return table.to_pylist(), json.loads((tmp_path / "evaluation" / "manifest.json").read_text())


def ask(faulty, n=1, **fields):
    return Client(engine(faulty, **fields)).ask("Hi", CONFIG, seed=5, n=n)


def test_each_sample_is_a_request_with_its_seed_and_tokens_are_counted(tmp_path, faulty):
    rows, manifest = sampled(request(tmp_path, faulty), tmp_path)
    assert [(row["problem"], row["sample"]) for row in rows] == [(f"p{i}", n) for i in range(3) for n in (0, 1)]
    assert {(row["tokens"], row["finish_reason"]) for row in rows} == {(4, "length")}
    assert all(math.isnan(row["logprob"]) for row in rows)
    assert (manifest["tokens"], manifest["prompt_tokens"]) == (24, 42)
    deadline = time.monotonic() + 30
    while any(thread.name == "endpoint" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "no thread is left"
    first = next(body for body in faulty.requests if body["messages"][0]["content"] == "What is 1?")
    assert first | {"seed": 0} == {
        "model": "m", "messages": [{"role": "user", "content": "What is 1?"}], "temperature": 0.5, "top_p": 0.9,
        "max_tokens": 12, "seed": 0,
    }  # fmt: skip
    seeds = {(body["messages"][0]["content"], body["seed"]) for body in faulty.requests}
    assert seeds == {(f"What is {i}?", problem_seed(f"p{i}", 3) + n) for i in range(3) for n in (0, 1)}
    assert {row["seed"] for row in rows} == {seed for _, seed in seeds}


def test_several_responses_of_a_request_share_its_tokens_and_log_probabilities_are_means(tmp_path, faulty):
    rows, _ = sampled(request(tmp_path, faulty, responses_per_request=2), tmp_path)
    assert len(faulty.requests) == 3 and {body["n"] for body in faulty.requests} == {2}
    assert sorted(row["tokens"] for row in rows) == [3] * 3 + [4] * 3
    choices, prompt_tokens = ask(faulty, n=2, logprobs=True)
    assert [(one.index, one.tokens, one.cumulative_logprob) for one in choices] == [(0, 2, -2.0), (1, 2, -2.0)]
    assert prompt_tokens == 7 and faulty.requests[-1]["logprobs"] is True


def test_completions_take_the_bare_prompt(faulty):
    [choice], _ = ask(faulty, api="completions")
    assert faulty.requests[-1]["prompt"] == "Hi" and choice.text == "the answer is 1"


@pytest.mark.parametrize(
    "fault",
    [
        "not JSON", "[1]", {}, {"choices": []}, {"choices": [{}]}, {"choices": "x"}, {"choices": [None]},
        {"choices": [{"message": {"content": "a"}}] * 2}, {"choices": [{"message": {"content": 5}}]}, "[" * 10**5,
        (500, {}, "x"), (503, {}, ""), (429, {"Retry-After": "0"}, "{}"), (408, {}, ""), "hang up",
    ],
)  # fmt: skip
def test_a_fault_is_tried_again_and_a_fault_for_good_is_one_line(faulty, fault):
    faulty.script = [fault, fault]
    [choice], _ = ask(faulty, retries=2)
    assert choice.text == "the answer is 3"
    faulty.script = [fault] * 9
    with pytest.raises(PasskError) as raised:
        ask(faulty, retries=1)
    message = str(raised.value)
    assert message.startswith(f"engine: {faulty.url}: ") and "\n" not in message and "2 times in a row" in message
    assert message.endswith("; repeat the command to continue, finished samples are kept")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302])
def test_a_refusal_is_not_repeated_and_its_reason_is_in_the_line(faulty, status):
    faulty.script = [(status, {"Location": "http://127.0.0.1:1/"}, json.dumps({"error": {"message": "no\nsuch"}}))] * 9
    with pytest.raises(PasskError, match=rf"^engine: .*: status {status} \(no such\)") as raised:
        ask(faulty)
    assert len(faulty.requests) == 1 and "\n" not in str(raised.value)


def test_an_endpoint_that_is_too_slow_or_away_is_one_line(faulty):
    faulty.script = [1.0, 1.0]
    with pytest.raises(PasskError, match=r"no reply within timeout_s = 0\.2 s, 2 times in a row"):
        ask(faulty, timeout_s=0.2, retries=1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    gone = Engine(url=f"http://127.0.0.1:{port}/v1", model="m", retries=1)
    with pytest.raises(PasskError, match=r"no connection \(ConnectError\), 2 times in a row; repeat the command"):
        Client(gone.model_dump(mode="json")).ask("Hi", CONFIG, seed=1, n=1)
    with pytest.raises(ConfigError, match=r"^engine\.url: .* does not answer \(ConnectError\); start the server"):
        endpoint_check.require(gone)


def test_a_rate_limit_holds_up_every_request_for_as_long_as_it_says(faulty):
    client = Client(engine(faulty))
    faulty.script = [(429, {"Retry-After": "0.3"}, "")]
    started = time.monotonic()
    client.ask("Hi", CONFIG, seed=1, n=1)
    assert time.monotonic() - started >= 0.3 and len(faulty.requests) == 2


def test_a_system_prompt_is_a_message_of_its_own(tmp_path, faulty):
    sampled(replace(request(tmp_path, faulty), format={"system_prompt": "Be brief."}), tmp_path)
    assert {json.dumps(body["messages"][0]) for body in faulty.requests} == {
        '{"role": "system", "content": "Be brief."}'
    }
    assert {len(body["messages"]) for body in faulty.requests} == {2}


@every(
    ("changes", "field"),
    [
        ({"model": {"path": "m", "chat_template": "none"}}, r"model\.chat_template"),
        ({"model": {"path": "m", "chat_options": {"a": 1}}}, r"model\.chat_options"),
        ({"model": {"path": "m", "system_prompt": "Hi"}, "api": "completions"}, r"model\.system_prompt"),
        ({"compute": {"profile": "cpu", "deterministic": True}}, r"compute\.deterministic"),
        ({"stages": {"a": {"kind": "sft", "problems": "t", "steps": 1, "lr": 1, "batch_size": 1}}}, "engine"),
    ],
)
def test_what_an_endpoint_cannot_do_is_one_line_before_anything_starts(changes, field):
    api = {"api": changes.pop("api")} if "api" in changes else {}
    raw = {
        "name": "a", "question": "?", "seed": 1, "stages": {}, "compute": {"profile": "cpu"},
        "problems": {
            "p": {"source": "maze", "split": "test", "size": 1}, "t": {"source": "maze", "split": "train", "size": 1}
        },
        "benchmarks": {"b": {"problems": "p", "max_response": 9}}, "engine": {"url": "http://h", "model": "m"} | api,
    }  # fmt: skip
    if not api:
        validate.check(config.parse(raw))
    with pytest.raises(ConfigError, match=rf"^{field}: "):
        validate.check(config.parse(raw | changes))


def test_texts_that_end_a_response_are_asked_for(faulty):
    Client(engine(faulty)).ask("Hi", CONFIG | {"stop": ["###"]}, seed=1, n=1)
    assert faulty.requests[-1]["stop"] == ["###"]


def test_a_model_that_wants_another_name_of_the_length_gets_it_for_requests_under_way_too(faulty):
    together = threading.Barrier(4)

    def refuse(body):
        together.wait(30)  # all four requests are sent before one is refused
        return 400, {}, json.dumps({"error": {"message": "use 'max_completion_tokens' instead"}})

    faulty.script = [refuse] * 4
    client = Client(engine(faulty, retries=0))
    with ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(lambda seed: client.ask("Hi", CONFIG, seed=seed, n=1), range(4)))
    assert len(replies) == 4 and len(faulty.requests) == 8
    assert all("max_tokens" in body for body in faulty.requests[:4])
    assert all(body["max_completion_tokens"] == 12 and "max_tokens" not in body for body in faulty.requests[4:])


def test_an_endpoint_that_refuses_both_names_of_the_length_is_one_line(faulty):
    faulty.script = [(400, {}, json.dumps({"error": {"message": "use max_completion_tokens"}}))] * 3
    with pytest.raises(PasskError, match=r"^engine: .*: status 400 \(use max_completion_tokens\)"):
        ask(faulty)
    assert len(faulty.requests) == 2


def test_no_finished_sample_is_asked_for_again(tmp_path, faulty):
    made = request(tmp_path, faulty, problems=4, retries=0, concurrency=1)
    faulty.script = ["good"] * 5 + ["not JSON"]
    with pytest.raises(PasskError, match="its reply is not JSON, 1 times"):
        sampled(made, tmp_path)
    kept = layout.replies(tmp_path / "evaluation").read_text().splitlines()
    assert len(kept) == 5
    # a kill may cut the last line off
    with layout.replies(tmp_path / "evaluation").open("a") as file:
        file.write(kept[0][:40])
    before = len(faulty.requests)
    rows, manifest = sampled(made, tmp_path)
    assert len(rows) == 8 and len(faulty.requests) - before == 3
    assert manifest["prompt_tokens"] == 8 * 7 and not (tmp_path / "evaluation" / "shards").exists()
    asked = [(body["messages"][0]["content"], body["seed"]) for body in faulty.requests]
    assert len(set(asked)) == 8 and len(asked) == 9


def test_a_kill_costs_the_requests_under_way_and_no_finished_sample(tmp_path, faulty):
    made = request(tmp_path, faulty, problems=20, concurrency=2)
    Work([made], engines=1, gpus=1, on_ray=False).write(tmp_path / "request.json")
    faulty.script = [0.05] * 40
    words = [sys.executable, "-m", "passk.evaluation.evaluate", str(tmp_path / "request.json")]
    killed = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    replies = layout.replies(tmp_path / "evaluation")
    while not replies.exists() or replies.read_bytes().count(b"\n") < 12:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    kept, before = replies.read_bytes().count(b"\n"), len(faulty.requests)
    assert before <= kept + 2, "only the requests under way are lost"
    faulty.script = []
    subprocess.run(words, check=True, capture_output=True)
    assert len(faulty.requests) - before == 40 - kept
    assert pyarrow.parquet.read_table(tmp_path / "evaluation" / "samples.parquet").num_rows == 40


def test_the_key_is_in_one_header_and_nowhere_else(tmp_path, faulty, monkeypatch, capfd):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-key-of-mine")
    faulty.script = [(401, {}, json.dumps({"error": {"message": "bad key sk-very-secret-key-of-mine"}}))]
    made = request(tmp_path, faulty)
    with pytest.raises(PasskError) as raised:
        sampled(made, tmp_path)
    sampled(made, tmp_path)
    assert {headers["Authorization"] for headers in faulty.headers} == {"Bearer sk-very-secret-key-of-mine"}
    texts = [str(raised.value), *capfd.readouterr(), json.dumps(made.engine)]
    texts += [file.read_bytes().decode(errors="replace") for file in tmp_path.rglob("*") if file.is_file()]
    assert not [text for text in texts if "very-secret" in text]
    monkeypatch.delenv("OPENAI_API_KEY")
    ask(faulty)
    assert "Authorization" not in faulty.headers[-1]


@pytest.mark.parametrize(("key", "state"), [("", "is not set"), ("wrong-key-of-mine", "its value is refused")])
def test_a_missing_or_refused_key_is_one_line_before_anything_starts(faulty, monkeypatch, key, state):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    faulty.script = [(401, {}, "")]
    with pytest.raises(ConfigError, match=rf"^engine\.key_variable: OPENAI_API_KEY {state} \(status 401\); set it"):
        endpoint_check.require(Engine(url=faulty.url, model="m"))
    faulty.script = [(404, {}, "")]
    endpoint_check.require(Engine(url=faulty.url, model="m"))
