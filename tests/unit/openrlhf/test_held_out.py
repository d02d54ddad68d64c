"""Evaluations between training steps: their numbers, their seeds, and a record that has each of them once."""

import json
from functools import partial

import numpy as np
import pytest

from passk import problems
from passk.base.errors import ConfigError, PasskError
from passk.files import layout
from passk.files.metrics_log import read_metrics
from passk.files.schema import EVALUATION
from passk.models.prompt_format import PromptFormat
from passk.openrlhf.evaluation_log import EvaluationLog
from passk.openrlhf.held_out import HeldOut, Response, evaluate, figures, majorities
from passk.openrlhf.settings import split_arguments
from passk.problems.record import Problem
from passk.statistics.bootstrap import mean_interval
from passk.verifiers import Verdict

# Two problems of the verifier `exact`.
ANSWERS = {"a": "1", "b": "2"}


class Letters:
    """As much of a tokenizer as an evaluation uses."""

    def __call__(self, texts, add_special_tokens):
        assert not add_special_tokens
        return {"input_ids": [[ord(letter) for letter in text] for text in texts]}

    def apply_chat_template(self, turns, tokenize, add_generation_prompt, loud=False):
        assert not tokenize and add_generation_prompt
        return ["".join(f"<{turn['role']}>{turn['content']}" for turn in each) + "!" * loud for each in turns]


@pytest.fixture
def held_out(tmp_path) -> HeldOut:
    rows = [Problem(name, f"say {answer}", answer, "exact", "test", "all", "", {}) for name, answer in ANSWERS.items()]
    problems.save(rows, tmp_path / "fingerprint.parquet")
    benchmark = {
        **{"problems": "test", "samples": 4, "k": [1, 4], "temperature": 0.7, "top_p": 0.9, "max_response": 5},
        "file": str(tmp_path / "fingerprint.parquet"),
    }
    return HeldOut.model_validate_json(json.dumps({"every": 20, "seed": 3, "benchmarks": {"easy": benchmark}}))


def sampler(texts, seen=None):
    """A function that gives each prompt the same responses, and notes what it was called with."""

    def sample(tokens, seeds, parameters):
        if seen is not None:
            seen.append((tokens, seeds, parameters))
        return [[Response(text, len(text), text == "long") for text in texts] for _ in tokens]

    return sample


def test_an_evaluation_counts_the_verifiers_verdicts_and_samples_as_the_benchmark_does(held_out):
    seen = []
    line = evaluate(held_out, "easy", 20, sampler(["1", "2", "1", "long"], seen), Letters())
    assert line["correct"] == {"a": 2, "b": 1}
    # 1 - C(n-c, k)/C(n, k) with n = 4: c = 2 and 1 for k = 1, and any correct for k = 4
    assert line["pass_at_k"]["1"]["value"] == pytest.approx((2 / 4 + 1 / 4) / 2)
    assert line["pass_at_k"]["4"]["value"] == 1
    # a: two of four votes are correct; b: its one correct vote is outvoted
    assert list(line["maj_at_k"]) == ["4"] and line["maj_at_k"]["4"]["value"] == 0.5
    assert (line["step"], line["benchmark"], line["problems"], line["samples"]) == (20, "easy", "fingerprint", 4)
    assert (line["length"], line["truncated"], line["tokens"]) == (7 / 4, 1 / 4, 14)
    assert sum(line["reasons"].values()) == pytest.approx(1) and line["reasons"]["correct"] == 3 / 8
    assert line.keys() == EVALUATION.keys() - {"seconds", "time"}
    [(tokens, _, parameters)] = seen
    assert "".join(map(chr, tokens[1])) == "say 2"
    assert parameters == {"temperature": 0.7, "top_p": 0.9, "max_tokens": 5, "skip_special_tokens": True}


def test_a_model_with_a_chat_template_is_asked_through_it(held_out):
    seen = []
    format = PromptFormat(chat=True, system_prompt="Be short.", options={"loud": True})
    asked = held_out.model_copy(update={"format": format})
    evaluate(asked, "easy", 0, sampler(["1"] * 4, seen), Letters())
    assert "".join(map(chr, seen[0][0][0])) == "<system>Be short.<user>say 1!"
    assert HeldOut.parse(asked.spelled) == asked


def test_the_texts_that_end_a_response_reach_the_engines(held_out):
    seen = []
    benchmark = held_out.benchmarks["easy"].model_copy(update={"stop": ("\n\n",)})
    evaluate(
        held_out.model_copy(update={"benchmarks": {"easy": benchmark}}), "easy", 0, sampler(["1"] * 4, seen), Letters()
    )
    assert seen[0][2]["stop"] == ["\n\n"]


def test_each_response_of_each_step_has_its_own_seed_and_the_same_one_after_a_resume(held_out):
    seen = []
    for step in (0, 20, 20):
        evaluate(held_out, "easy", step, sampler(["1"] * 4, seen), Letters())
    first, second, again = (seeds for _, seeds, _ in seen)
    assert second == again
    assert len({seed for seeds in (*first, *second) for seed in seeds}) == 2 * 2 * 4


def test_a_verifier_that_fails_stops_the_training_as_in_a_step(held_out, monkeypatch):
    from passk import verifiers
    from passk.verifiers import Verdict

    monkeypatch.setattr(verifiers, "verify", lambda *_: Verdict(0.0, False, "", verifiers.CRASH))
    with pytest.raises(PasskError, match=r"^max_failed: evaluation of step 20 on easy: .* 100.0% .* limit is 5.0%"):
        evaluate(held_out, "easy", 20, sampler(["1"] * 4), Letters())


def test_figures_are_the_unbiased_pass_at_k_with_intervals_over_problems():
    correct = np.array([0, 1, 4, 2, 0, 0])
    result = figures(4, correct, [2, 8])
    assert list(result) == ["1", "2"], "4 samples have no pass@8"
    expected = mean_interval(correct / 4)
    assert result["1"] == {"value": expected.value, "lower": expected.low, "upper": expected.high}
    by_hand = (0 + 1 / 2 + 1 + (1 - 1 / 6)) / 6
    assert result["2"]["value"] == pytest.approx(by_hand)


def test_a_majority_counts_equal_texts_and_a_sample_without_an_answer_does_not_vote():
    def judged(*texts):
        return [Verdict(float(text == "1"), text == "1", text, "") for text in texts]

    # Sets of two of the first problem: 1 alone, 1 alone, no vote. Of the second: x wins, a tie, a tie.
    result = majorities([judged("1", "", ""), judged("x", "x", "1")], [1, 2, 8])
    assert list(result) == ["2"], "1 has no vote, and 3 samples have no maj@8"
    assert result["2"]["value"] == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert 0 <= result["2"]["lower"] < 0.5 < result["2"]["upper"] <= 1
    assert majorities([judged("1")], [1, 2]) == {}


def test_the_policy_is_evaluated_at_the_start_at_every_nth_step_and_at_the_last(held_out):
    due = [step for step in range(48) if held_out.is_due(step, last=step == 47)]
    assert due == [0, 20, 40, 47]


def test_the_record_has_each_evaluation_once_and_forgets_those_that_a_resume_repeats(held_out, tmp_path):
    log = EvaluationLog(tmp_path)
    log.forget_after(0)  # without a file
    line = partial(evaluate, held_out, "easy", sample=sampler(["1"] * 4), tokenizer=Letters())
    for step in (0, 20, 40):
        assert not log.has(step, "easy")
        log.write(line(step=step), seconds=1.5)
        assert log.has(step, "easy") and not log.has(step, "hard")
    with layout.training_evaluations(tmp_path).open("a") as file:
        file.write('{"step": 47, "benchmark": "easy", "pass')
    log.forget_after(30)
    lines = read_metrics(layout.training_evaluations(tmp_path))
    assert [each["step"] for each in lines] == [0, 20]
    assert layout.training_evaluations(tmp_path).read_text().endswith("}\n")
    assert lines[0].keys() == EVALUATION.keys() and lines[0]["seconds"] == 1.5
    with pytest.raises(AssertionError, match="not the fields"):
        log.write({"step": 1}, seconds=1.0)


def test_the_evaluations_survive_the_command_line_and_a_bad_text_is_one_line(held_out):
    words = ["--passk.advantage", "grpo", "--passk.held_out"]
    settings, rest = split_arguments([*words, held_out.spelled])
    assert (settings.held_out, rest) == (held_out, [])
    with pytest.raises(ConfigError, match=r"^--passk\.held_out: every: field required; add it \(and 2 more\)$"):
        split_arguments([*words, "{}"])
