"""An evaluation whose verifier fails is refused each time and loses no sample."""

import json
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict

import pandas as pd
import pytest

from passk.base.errors import PasskError
from passk.evaluation import engines, evaluate
from passk.evaluation.generate import Shard
from passk.evaluation.request import Request, Work
from passk.files.layout import EvaluationRecord, is_finished
from passk.files.schema import SAMPLE_COLUMNS
from passk.verifiers import TIMEOUT, Verdict
from passk.verifiers.pool import Pool

SAMPLES = 32
FAILED = Verdict(0.0, False, "", TIMEOUT)


class Engines:
    """All problems of a request in shards of two; verdicts fail by `failing`: which of a problem's samples."""

    def __init__(self, failing) -> None:
        self.failing, self.loaded, self.sampled = failing, [], 0

    def load(self, request):
        self.loaded.append(request.evaluation.checkpoint)
        if request.model == "none":
            raise engines.NotLoaded("vLLM cannot load none: no such file")

    def sample(self, request, rows):
        if request.model == "broken":
            raise PasskError("p0: vLLM refuses the prompt")
        for first in range(0, len(rows), 2):
            shard = Shard(seconds=1.0)
            for row in rows[first : first + 2]:
                for number in range(request.samples):
                    self.sampled += 1
                    verdict = FAILED if self.failing(number) else Verdict(1.0, True, "5", "correct")
                    judged = (verdict.score, verdict.correct, verdict.extracted, verdict.reason)
                    values = (row["id"], number, "5", *judged, 3, "stop", number, -0.5)
                    for name, value in zip(SAMPLE_COLUMNS, values, strict=True):
                        shard.columns[name].append(value)
            yield shard


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """(problems, checkpoint, max_failed) -> the request."""

    def of(problems, checkpoint="base", model="model", most=0.05):
        rows = [{"id": f"p{i}", "prompt": "?", "answer": "5", "verifier": "exact"} for i in range(problems)]
        monkeypatch.setattr(evaluate, "read_problems", lambda file: rows)
        config = {"samples": SAMPLES, "temperature": 1.0, "top_p": 0.95, "max_response": 8, "max_failed": most}
        record = EvaluationRecord("key", "e", checkpoint, None, "test", "print", config, 5, {})
        return Request(asdict(record), model, "problems", str(tmp_path / checkpoint), {})

    return of


@pytest.fixture
def hanging(monkeypatch):
    """A verifier that still fails when it is asked again; gives how often it was."""
    asked = []

    def submit(self, *what):
        asked.append(what)
        return done(FAILED)

    monkeypatch.setattr(Pool, "submit", submit)
    return asked


def done(verdict):

    future = Future()
    future.set_result(verdict)
    return future


@pytest.mark.parametrize("problems", [30, 5, 1])
def test_what_no_verdict_was_come_to_is_refused_at_every_attempt_however_few_the_samples(
    ask, hanging, tmp_path, problems
):
    request, total = ask(problems), problems * SAMPLES
    for attempt in (1, 2, 3):
        started = Engines(failing=lambda number: True)
        with pytest.raises(
            PasskError, match=r"^max_failed: \d+ of \d+ samples: .* for 100\.0% .*max_failed, then repeat the command"
        ):
            evaluate.sample(started, request, tmp_path / "said")
        assert not is_finished(tmp_path / "base"), attempt
        assert not (tmp_path / "base" / "samples.parquet").exists()
        # it is not asked for longer than is needed to know that it still fails
        assert len(hanging) <= 32 * (attempt - 1)
        assert started.sampled <= total


def test_once_the_verifier_is_mended_the_same_samples_are_judged_and_none_is_sampled_twice(ask, tmp_path):
    request = ask(30)
    first = Engines(failing=lambda number: number % 2)
    with pytest.raises(PasskError, match=r"for 50\.0% of the responses \(timeout 50\.0%\)"):
        evaluate.sample(first, request, tmp_path / "said")
    second = Engines(failing=lambda number: False)
    evaluate.sample(second, request, tmp_path / "said")
    frame = pd.read_parquet(tmp_path / "base" / "samples.parquet")
    assert len(frame) == 30 * SAMPLES == first.sampled + second.sampled
    assert (frame.reason == "correct").all() and frame.correct.all() and (frame.extracted == "5").all()
    manifest = json.loads((tmp_path / "base" / "manifest.json").read_text())
    assert manifest["reasons"] == {"correct": 1.0} and manifest["tokens"] == 3 * len(frame)


def test_where_more_failures_are_allowed_now_the_evaluation_goes_on(ask, hanging, tmp_path):
    with pytest.raises(PasskError, match="max_failed"):
        evaluate.sample(Engines(failing=lambda number: number < 8), ask(10), tmp_path / "said")
    evaluate.sample(Engines(failing=lambda number: number < 8), ask(10, most=0.25), tmp_path / "said")
    assert is_finished(tmp_path / "base") and hanging == []


def test_one_that_fails_keeps_none_of_the_others_and_the_line_at_the_end_names_each(ask, tmp_path, monkeypatch):
    started = Engines(failing=lambda number: number < 8)

    @contextmanager
    def given(*how_many):
        yield started

    monkeypatch.setattr(engines, "started", given)
    requests = [
        ask(4, "refused"), ask(4, "prompt", model="broken"), ask(4, "good", most=0.5), ask(4, "too", most=0.1),
        ask(4, "last", most=0.25),
    ]  # fmt: skip
    Work(requests, engines=1, gpus=1, on_ray=False).write(tmp_path / "request.json")
    with pytest.raises(PasskError) as raised:
        evaluate.main(tmp_path / "request.json")
    assert started.loaded == ["refused", "prompt", "good", "too", "last"]
    assert [is_finished(tmp_path / name) for name in started.loaded] == [False, False, True, False, True]
    line = str(raised.value)
    assert [shard.partition(": ")[0] for shard in line.split("; ") if " on test: " in shard] == [
        "refused on test", "prompt on test", "too on test",
    ]  # fmt: skip
    assert "\n" not in line and "prompt on test: p0: vLLM refuses the prompt" in line


def test_a_model_that_cannot_be_loaded_keeps_none_of_the_others(ask, tmp_path, monkeypatch):
    started = Engines(failing=lambda number: False)

    @contextmanager
    def given(*how_many):
        yield started

    monkeypatch.setattr(engines, "started", given)
    Work([ask(4, "gone", model="none"), ask(4, "good")], engines=1, gpus=1, on_ray=False).write(
        tmp_path / "request.json"
    )
    with pytest.raises(engines.NotLoaded, match="vLLM cannot load none"):
        evaluate.main(tmp_path / "request.json")
    assert [is_finished(tmp_path / name) for name in ("gone", "good")] == [False, True]


def test_a_response_that_is_judged_again_has_the_thinking_that_its_prompt_opened():
    class Shards:
        def judge_again(self, judge, most):
            self.reasons = [
                judge("p", response).result().reason for response in ("maybe \\boxed{5}", "</think> \\boxed{5}")
            ]

    for opens, reasons in ((False, ["correct", "correct"]), (True, ["no answer", "correct"])):
        shards = Shards()
        row = {"id": "p", "verifier": "numeric", "answer": "5"}
        evaluate._judge_again(shards, [row], 0.05, opens_thinking=opens)
        assert shards.reasons == reasons
