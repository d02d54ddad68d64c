"""Problems -> shards, with an engine that is none: nothing lost or doubled, memory bounded, verdicts overlapped."""

from concurrent.futures import Future
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from passk.base.errors import PasskError
from passk.evaluation import generate
from passk.evaluation.engines import shares
from passk.evaluation.request import Request, problem_seed
from passk.files.layout import EvaluationRecord
from passk.files.schema import SAMPLE_COLUMNS
from passk.verifiers import AnswerError, Verdict
from tests.unit.each import every

from .engine import SIZE, Engine

N = 3


@pytest.fixture(autouse=True)
def without_vllm(monkeypatch):
    monkeypatch.setattr(
        generate, "sampling_parameters", lambda request, seed: SimpleNamespace(n=request.samples, seed=seed)
    )


@pytest.fixture
def request_():
    config = {"samples": N, "temperature": 1.0, "top_p": 0.95, "max_response": 8}
    record = EvaluationRecord("key", "e", "warm", None, "test", "print", config, 5, {})
    return Request(asdict(record), "model", "problems", "directory", {})


def rows(count: int) -> list[dict]:
    return [{"id": f"p{i}", "prompt": f"ask {i}", "answer": "", "verifier": "fake"} for i in range(count)]


class Judge:
    """Right away, or so many waits late: as a pool of processes would be."""

    seconds = 0.0

    def __init__(self, late: int = 0) -> None:
        self.late, self.open, self.waited, self.most = late, [], 0, 0

    def submit(self, verifier, response, answer):
        verdict = Future()
        self.open.append(verdict)
        self.most = max(self.most, len(self.open))
        while len(self.open) > self.late:
            self._end()
        return verdict

    def _end(self):
        # the newest first: they come in another order than they were asked in
        self.open.pop().set_result(Verdict(1.0, True, "", "correct"))

    def wait(self, verdicts):
        self.waited += 1
        while not all(verdict.done() for verdict in verdicts):
            self._end()


def columns(shards) -> dict[str, list]:
    shards = list(shards)
    return {name: [value for shard in shards for value in shard.columns[name]] for name in SAMPLE_COLUMNS}


def test_each_problem_and_seed_has_a_number_of_its_own_that_is_the_same_in_every_process():
    numbers = [problem_seed(problem, seed) for problem, seed in (("p0", 3), ("p0", 4), ("p1", 3))]
    assert numbers == [427671685, 815123866, 1807788429]


@pytest.mark.parametrize("late", [0, 1, 40, 10**6])
def test_every_problem_comes_once_with_all_its_samples_however_late_the_verdicts(request_, late):
    made = columns(generate.shards(Engine(), request_, rows(200), Judge(late)))
    assert sorted(zip(made["problem"], made["sample"], strict=True)) == sorted(
        (f"p{i}", sample) for i in range(200) for sample in range(N)
    )
    for problem, sample, text, seed, tokens, logprob in zip(
        *(made[name] for name in ("problem", "sample", "response", "seed", "tokens", "logprob")), strict=True
    ):
        assert seed == problem_seed(problem, 5) + sample
        assert text == f"ask {problem[1:]}/{seed}"
        assert (tokens, logprob) == (sample + 1, -0.5)


@pytest.mark.parametrize("opens", [False, True])
def test_a_response_is_judged_with_the_thinking_that_its_prompt_opened_and_kept_as_it_is(request_, opens):
    class Seen(Judge):
        def submit(self, verifier, response, answer):
            seen.add(response)
            return super().submit(verifier, response, answer)

    seen = set()
    made = columns(generate.shards(Engine(), replace(request_, opens_thinking=opens), rows(3), Seen()))
    assert seen == {("<think>" if opens else "") + text for text in made["response"]}


def test_a_part_holds_whole_problems_and_is_not_larger_than_said(request_, monkeypatch):
    monkeypatch.setattr(generate, "SHARD_SAMPLES", 30)
    shards = list(generate.shards(Engine(), request_, rows(200), Judge()))
    assert len(shards) > 5
    for shard in shards:
        assert {shard.columns["problem"].count(problem) for problem in shard.columns["problem"]} == {N}
    most = max(len(shard) for shard in shards)
    assert most <= 30 + generate.QUEUED * SIZE + N


def test_parts_come_in_time_though_nothing_is_finished(request_, monkeypatch):
    monkeypatch.setattr(generate, "SHARD_SECONDS", 0.0)
    shards = list(generate.shards(Engine(), request_, rows(50), Judge(late=10**6)))
    assert any(not len(shard) for shard in shards)
    # the time of an empty shard, which is written nowhere, is not lost
    assert not any(shard.seconds for shard in shards if not len(shard))


def test_a_batch_that_takes_long_gives_signs_of_life_and_is_one_part_all_the_same(request_, monkeypatch):
    monkeypatch.setattr(generate, "SHARD_SECONDS", 0.0)
    monkeypatch.setattr("passk.evaluation.request.PIECE_SAMPLES", 7 * N)
    engine, steps = Engine(), []
    for shard in generate.shards(engine, replace(request_, deterministic=True), rows(20), Judge()):
        steps.append((engine.steps, len(shard)))
    assert [samples for _, samples in steps if samples] == [7 * N, 7 * N, 6 * N]
    assert [step for step, _ in steps] == list(range(1, engine.steps + 1))  # a reader waits for one step at most


@pytest.mark.parametrize("count", [100, 1000])
def test_the_engine_holds_no_more_than_twice_what_it_runs_however_many_problems_there_are(request_, count):
    engine = Engine()
    list(generate.shards(engine, request_, rows(count), Judge()))
    assert generate.QUEUED * SIZE <= engine.most < generate.QUEUED * SIZE + N


def test_more_samples_a_problem_than_the_engine_runs_at_once_are_one_request_all_the_same(request_):
    many = replace(request_, record={**request_.record, "config": {**request_.record["config"], "samples": 100}})
    made = columns(generate.shards(Engine(), many, rows(5), Judge()))
    assert len(made["problem"]) == 500


def test_few_verdicts_are_open_however_slow_they_are(request_, monkeypatch):
    monkeypatch.setattr(generate, "UNJUDGED", 60)
    judge = Judge(late=10**6)
    made = columns(generate.shards(Engine(), request_, rows(500), judge))
    assert len(made["problem"]) == 500 * N
    assert judge.most <= 60 + (generate.QUEUED * SIZE + N) * N


def test_slow_verdicts_hold_up_no_generation(request_):
    quick, slow, judge = Engine(), Engine(), Judge(late=30)
    list(generate.shards(quick, request_, rows(500), Judge()))
    list(generate.shards(slow, request_, rows(500), judge))
    assert slow.steps == quick.steps
    assert judge.waited <= 30  # when nothing was left to generate


def test_a_verdict_that_takes_its_whole_deadline_keeps_none_behind_it(request_, monkeypatch):
    monkeypatch.setattr(generate, "SHARD_SAMPLES", 30)
    judge = Judge(late=2)  # the first two come last
    shards = list(generate.shards(Engine(), request_, rows(200), judge))
    assert {problem for shard in shards[-1:] for problem in shard.columns["problem"]} & {"p0", "p1", "p2", "p3"}
    assert len(shards) > 5


def test_an_answer_of_ours_that_cannot_be_read_is_one_line_that_names_the_problem(request_):
    class Refuses(Judge):
        def submit(self, *words):
            verdict = Future()
            verdict.set_exception(AnswerError("answer: not a number"))
            return verdict

    with pytest.raises(PasskError, match=r"^p\d+: answer: not a number$"):
        list(generate.shards(Engine(), request_, rows(3), Refuses()))


def test_a_deterministic_evaluation_has_the_same_batches_whatever_was_done_before(request_, monkeypatch):
    monkeypatch.setattr("passk.evaluation.request.PIECE_SAMPLES", 7 * N)
    fixed = replace(request_, deterministic=True)
    whole = Engine()
    shards = list(generate.shards(whole, fixed, rows(40), Judge(late=5)))
    assert [len(shard) for shard in shards] == [7 * N] * 5 + [5 * N]
    resumed = Engine(seed=1)
    list(generate.shards(resumed, fixed, rows(40)[14:], Judge()))

    def begun(engine):
        """the prompts of each batch as it began"""
        found = []
        for batch in engine.batches:
            if not found or not batch <= found[-1]:
                found.append(batch)
        return found

    assert begun(whole)[2:] == begun(resumed)


@every("engines", [1, 2, 3, 8])
@every("piece", [None, 7])
def test_the_engines_share_the_problems_and_pieces_stay_together(engines, piece):
    dealt = shares(rows(40), engines, piece)
    assert sorted(row["id"] for share in dealt for row in share) == sorted(row["id"] for row in rows(40))
    sizes = [len(share) for share in dealt]
    assert max(sizes) - min(sizes) <= (piece or 1)
    for share in dealt:
        for start in range(0, len(share), piece or 1):
            together = [int(row["id"][1:]) for row in share[start : start + (piece or 1)]]
            assert together == list(range(together[0], together[0] + len(together)))


def test_a_prompt_that_the_engine_refuses_is_one_line_that_names_the_problem(request_):
    bad = [*rows(3), {"id": "long-one", "prompt": "too long", "answer": "", "verifier": "fake"}]
    with pytest.raises(PasskError, match=r"^long-one: vLLM refuses .*maximum model length$"):
        list(generate.shards(Engine(), request_, bad, Judge()))


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_evaluation_that_is_left_leaves_nothing_in_the_engine_and_no_verdict_to_wait_for(
    request_, monkeypatch, deterministic
):
    monkeypatch.setattr(generate, "SHARD_SAMPLES", 30)
    monkeypatch.setattr("passk.evaluation.request.PIECE_SAMPLES", 30)
    own = replace(request_, deterministic=deterministic)
    engine, judge = Engine(), Judge(late=40)
    shards = generate.shards(engine, own, rows(200), judge)
    next(shards)
    waiting = list(judge.open)
    shards.close()
    assert engine.get_num_unfinished_requests() == 0
    assert all(verdict.cancelled() for verdict in waiting)
    with pytest.raises(PasskError, match="^long: vLLM refuses"):
        list(generate.shards(engine, own, [*rows(5), rows(1)[0] | {"id": "long", "prompt": "too long"}], Judge()))
    again = columns(generate.shards(engine, own, rows(20), Judge()))
    assert sorted(set(again["problem"])) == sorted(row["id"] for row in rows(20))


def test_a_problem_is_asked_as_the_format_says(request_):
    class Tokenizer:
        def apply_chat_template(self, turns, tokenize, add_generation_prompt, **options):
            return ["|".join(turn["content"] for turn in each) + str(options) for each in turns]

    engine = Engine()
    engine.get_tokenizer = Tokenizer
    format = {"chat": True, "system_prompt": "Be short.", "options": {"quiet": True}}
    list(generate.shards(engine, replace(request_, format=format), rows(2), Judge()))
    assert set().union(*engine.batches) == {"Be short.|ask 0{'quiet': True}", "Be short.|ask 1{'quiet': True}"}


def test_a_kill_loses_only_what_is_in_flight_and_the_rest_is_the_same_as_without_it(request_, monkeypatch):
    """The problems are long: none of them ends before the kill."""

    def sorted_rows(found):
        return sorted(zip(found["problem"], found["sample"], found["response"], found["seed"], strict=True))

    many = replace(request_, record={**request_.record, "config": {**request_.record["config"], "samples": 12}})
    undisturbed = sorted_rows(columns(generate.shards(Engine(), many, rows(6), Judge())))
    monkeypatch.setattr(generate, "SHARD_SECONDS", 0.0)
    engine = Engine()
    shards, kept = generate.shards(engine, many, rows(6), Judge()), {name: [] for name in SAMPLE_COLUMNS}
    while not 0 < len(kept["problem"]) < 30:
        shard = next(shards)
        assert shard.in_flight == 2 * engine.get_num_unfinished_requests()
        for name, values in shard.columns.items():
            kept[name] += values
    shards.close()
    taken = set(zip(kept["problem"], kept["sample"], strict=True))
    assert len(taken) == len(kept["problem"])
    remaining = []
    for row in rows(6):
        missing = [sample for sample in range(12) if (row["id"], sample) not in taken]
        remaining += [{**row, "missing": missing}] if missing else []
    assert any(len(row["missing"]) < 12 for row in remaining), "no problem was interrupted"
    rest = columns(generate.shards(Engine(seed=3), many, remaining, Judge()))
    both = {name: kept[name] + rest[name] for name in SAMPLE_COLUMNS}
    assert sorted_rows(both) == undisturbed
