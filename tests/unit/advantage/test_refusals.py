"""What no estimator can take is refused in one line that names the field, in the file and in the trainer alike."""

import math

import numpy as np
import pytest
import torch

from passk import advantage
from passk.base.errors import ConfigError, PasskError
from tests.unit.advantage import cases
from tests.unit.each import case, every

NAN, INF = math.nan, math.inf


def refused(call, field, *words, of=PasskError):
    with pytest.raises(of) as raised:
        call()
    message = str(raised.value)
    assert message.startswith(f"{field}: ") and len(message.splitlines()) == 1, message[:500]
    assert all(word in message for word in words), message[:500]


REWARDS = [
    (torch.zeros(8), ["[prompts, rollouts]", "[8]"]),
    (torch.zeros(2, 8, 1), ["[prompts, rollouts]", "[2, 8, 1]"]),
    (torch.zeros(2, 0), ["[prompts, rollouts]", "[2, 0]"]),
    (torch.tensor(1.0), ["[prompts, rollouts]", "[]"]),
    (torch.tensor([[0.0, 1.0, NAN]]), ["1 of 3", "NaN or infinite"]),
    (torch.tensor([[0.0, INF, -INF]]), ["2 of 3", "NaN or infinite"]),
    (torch.tensor([[1.0, 1.0, 1.0], [INF, 0.0, 0.5]]), ["1 of 6", "NaN or infinite"]),
    (torch.tensor([[0.0, 1e300, 0.0]], dtype=torch.float64), ["1 of 3", "NaN or infinite"]),
]


@every("name", advantage.names())
def test_rewards_of_another_shape_or_not_finite(name):
    k = cases.some_k(name, 3)
    for rewards, words in REWARDS:
        with case(rewards):
            more = {**cases.OPTIONS.get(name, {}), **(cases.inputs(name, rewards) if rewards.dim() == 2 else {})}
            refused(lambda r=rewards, m=more: advantage.compute(name, r, k, **m), "rewards", *words)


@every("name", cases.BINARY)
def test_rewards_other_than_0_and_1_where_only_these_are_taken(name):
    k = cases.some_k(name, 3)
    rewards = torch.tensor([[0.0, 1.0, 0.5], [2.0, -1.0, 1.0]])
    refused(lambda: cases.compute(name, rewards, k), "rewards", f"{name} accepts only 0 and 1, not -1, 0.5, 2")
    for value in (1e-18, 1 - 2**-24, 3e38, -1.0):
        refused(lambda v=value: cases.compute(name, torch.tensor([[0.0, 1.0, v]]), k), "rewards", "only 0 and 1")


NO_K = [0, -1, -(10**30), 1.5, 4.0, NAN, INF, "4", None, [4], True, np.float64(2), np.bool_(True)]


@every("name", advantage.names())
def test_k_that_is_no_whole_number_of_1_or_more(name):
    more = cases.OPTIONS.get(name, {})
    for k in NO_K:
        with case(k):
            said = ("k", "whole number of 1 or more")
            refused(lambda k=k: cases.compute(name, torch.zeros(1, 8), k), *said, of=ConfigError)
            refused(lambda k=k: advantage.check(name, k, 8, more), *said, of=ConfigError)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_an_integer_of_numpy_is_an_integer(kind):
    rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0] * 40])
    for name, k in (("pkpo_s", 100), ("passk_full", 80), ("passk_analytical", 4)):
        assert torch.equal(advantage.compute(name, rewards, kind(k)), advantage.compute(name, rewards, k))
        assert advantage.check(name, kind(k), kind(160)) == advantage.check(name, k, 160)
    # 2 x 130 would be 4 in uint8
    refused(lambda: advantage.check("passk_full", kind(130), kind(200)), "k", "passk_full", "130", of=ConfigError)
    groups = {"groups": kind(8)}
    assert advantage.check("passk_bootstrap", 4, 16, groups) == advantage.check("passk_bootstrap", 4, 16, {"groups": 8})


@every("name", advantage.names())
def test_k_outside_of_the_domain(name):
    more = cases.OPTIONS.get(name, {})
    for n in (1, 2, 7, 8):
        for k in sorted({1, 2, 3, 4, n - 1, n, n + 1, 1000} - set(cases.ks(name, n)) - {0}):
            if cases.DOMAIN[name] == "any k":
                advantage.check(name, k, n, more)
                continue
            refused(lambda n=n, k=k: advantage.check(name, k, n, more), "k", name, str(k), of=ConfigError)
            refused(lambda n=n, k=k: cases.compute(name, torch.zeros(1, n), k), "k", name, str(k), of=ConfigError)


@pytest.mark.parametrize("value", [4.0, True])
def test_what_was_computed_before_does_not_let_an_incorrect_k_in(value):
    rewards = torch.zeros(1, 8)
    for name in ("passk_analytical", "reinforce_k"):
        advantage.compute(name, rewards, int(value))
        refused(lambda name=name: advantage.compute(name, rewards, value), "k", "whole number", of=ConfigError)


def test_what_was_computed_before_does_not_let_an_incorrect_option_in():
    rewards = torch.zeros(1, 8)
    advantage.compute("passk_analytical", rewards, 4, sigma=True)
    refused(lambda: advantage.compute("passk_analytical", rewards, 4, sigma=1), "options.sigma", of=ConfigError)


ANSWERS = [
    (None, "needs it"),
    ([["a"] * 4], "[2, 4]"),
    ([["a"] * 4, ["b"] * 3], "[2, 4]"),
    ([["a"] * 4] * 3, "[2, 4]"),
    (["aaaa", "bbbb"], "[2, 4]"),
    (torch.zeros(2, 3, dtype=torch.long), "[2, 4]"),
    (torch.zeros(8, dtype=torch.long), "[2, 4]"),
    (torch.zeros(2, 4), "integers"),
    (torch.full((2, 4), NAN), "integers"),
]


@every("name", cases.VOTING)
def test_answers_that_are_missing_or_of_another_shape(name):
    k, options = cases.some_k(name, 4), cases.OPTIONS.get(name, {})
    refused(lambda: advantage.compute(name, torch.zeros(2, 4), k, **options), "answers", "needs it")
    for answers, word in ANSWERS:
        with case(answers):
            more = {**options, "answers": answers}
            refused(lambda m=more: advantage.compute(name, torch.zeros(2, 4), k, **m), "answers", word)


@every(
    "entropy",
    [None, torch.zeros(2, 3), torch.zeros(4), torch.zeros(2, 4, 1), torch.full((2, 4), NAN), [[0.0, 1, 2, INF]] * 2],
)
def test_entropy_that_is_missing_or_of_another_shape_or_not_finite(entropy):
    more = {} if entropy is None else {"entropy": entropy}
    refused(lambda: advantage.compute("passk_adaptive", torch.zeros(2, 4), 2, **more), "entropy", "[2, 4]")


OPTIONS = [
    ("grpo", {"std": "median"}),
    ("grpo", {"std": 1}),
    ("passk_analytical", {"sigma": "no"}),
    ("passk_analytical", {"sigma": None}),
    ("passk_bootstrap", {"groups": 0}),
    ("passk_bootstrap", {"groups": 2.5}),
    ("passk_bootstrap", {"reduce": "max"}),
    ("passk_easy_masked", {"threshold": 1.5}),
    ("passk_easy_masked", {"threshold": -0.1}),
    ("passk_easy_masked", {"threshold": NAN}),
    ("w_reinforce", {"positive": -1.0}),
    ("w_reinforce", {"positive": [1]}),
    ("w_reinforce", {"positive": INF}),
    ("edas", {"kappa": 1.0}),
    ("edas", {"alpha": -0.4}),
    ("edas", {"alpha": INF}),
    ("edas", {"beta": INF}),
    ("edas", {"base": 3}),
    ("f_grpo", {"gamma": -0.5}),
    ("tsallis", {"q": INF}),
    ("rs_grpo", {"beta": 0.0}),
    ("remax", {"m": 0.0}),
    ("poly_epo", {"diversity": 1}),
    ("ordergrad", {"statistic": "median"}),
    ("ordergrad", {"level": 0.0}),
    ("ucpo", {"tau": 1.5}),
    ("cue_grpo", {"alpha": -1.0}),
    ("riskpo", {"bundle": 0}),
    ("riskpo", {"lower": 0.0}),
    ("riskpo", {"upper": 0.1}),
    ("tea", {"share": 0.0}),
    ("curverl", {"window": 0}),
    ("surrogate", {"derivative": 3}),
    ("surrogate", {"derivative": None}),
]


@every(("name", "option"), OPTIONS)
def test_an_option_of_another_type_or_size(name, option):
    (field,) = option
    options, k = {**cases.OPTIONS.get(name, {}), **option}, cases.some_k(name, 8)
    rewards = cases.staircase(8)
    more = {**options, **cases.inputs(name, rewards)}
    refused(lambda: advantage.check(name, k, 8, options), f"options.{field}", name, of=ConfigError)
    refused(lambda: advantage.compute(name, rewards, k, **more), f"options.{field}", name, of=ConfigError)


@every("name", advantage.names())
def test_an_option_that_there_is_not(name):
    options, k = {**cases.OPTIONS.get(name, {}), "epsilon": 1e-6}, cases.some_k(name, 8)
    refused(lambda: advantage.check(name, k, 8, options), "options.epsilon", name, of=ConfigError)
    refused(lambda: cases.compute(name, torch.zeros(1, 8), k, epsilon=1e-6), "options.epsilon", name, of=ConfigError)


REQUIRED = [("passk_easy_masked", "threshold"), ("surrogate", "derivative"), ("f_grpo", "gamma"), ("tsallis", "q"),
            ("rs_grpo", "beta"), ("ordergrad", "statistic")]  # fmt: skip


@every(("name", "field"), REQUIRED)
def test_an_option_that_a_person_has_to_choose(name, field):
    k = cases.some_k(name, 8)
    refused(lambda: advantage.check(name, k, 8), f"options.{field}", "required", of=ConfigError)
    refused(lambda: advantage.compute(name, torch.zeros(1, 8), k), f"options.{field}", "required", of=ConfigError)


def test_edas_on_itself_and_on_an_estimator_whose_needs_are_not_given():
    rewards, answers = torch.zeros(1, 4), [["a"] * 4]
    refused(lambda: advantage.check("edas", 1, 4, {"base": "edas"}), "options.base", "edas", of=ConfigError)
    call = lambda: advantage.compute("edas", rewards, 2, answers=answers, base="passk_adaptive")  # noqa: E731
    refused(call, "entropy", "passk_adaptive needs it")


def test_edas_on_an_estimator_with_options_of_its_own_that_are_missing_or_incorrect():
    base = {"base": "passk_easy_masked"}
    refused(lambda: advantage.check("edas", 2, 8, base), "options.base_options.threshold", "required", of=ConfigError)
    wrong = base | {"base_options": {"threshold": 2.0}}
    refused(lambda: advantage.check("edas", 2, 8, wrong), "options.base_options.threshold", "2.0", of=ConfigError)
    advantage.check("edas", 2, 8, base | {"base_options": {"threshold": 0.5}})


def test_edas_on_no_estimator_and_on_one_that_is_not_defined_for_this_k():
    refused(lambda: advantage.check("edas", 1, 8, {"base": "nope"}), "options.base", "'nope'", of=ConfigError)
    refused(lambda: advantage.check("edas", 4, 8, {"base": "tea"}), "options.base", "tea needs graded", of=ConfigError)
    refused(lambda: advantage.check("edas", 4, 8, {"base": "grpo"}), "k", "grpo", "4", of=ConfigError)
    refused(lambda: advantage.check("edas", 8, 8, {"base": "maxpo"}), "k", "maxpo", "8", of=ConfigError)


HOSTILE = [
    *("__import__('os').system('true')", "open('x')", "(lambda: 1)()", "print", "p.real", "p.__class__", "p[0]"),
    *("().__class__.__base__.__subclasses__()", "[p for p in p]", "{p: p}", "p if p else 1", "p := 1", "p(1)"),
    *("q", "K", "f'{p}'", "'a' * 9", "'p'", "1j", "...", "None", "p < 1", "not p", "p and k", "p // 2", "p % 2", "~k"),
    *("9 ** 9 ** 9 ** 9", "10 ** 400", "1" + "0" * 400, "9" * 5000, "(-8) ** p", "0 ** -1", "1 / 0", "1 / (p - p)"),
    *("sqrt(-1)", "log(0)", "exp(1000)", "asin(2)", "sqrt()", "min()", "max(p)", "sqrt(p, p)", "log(x=p)", "min(*p)"),
    *("1e999", "-1e999", "1e999 - 1e999", "1e999 * 0", "", "  ", "\n", "p\np", "p; p", "p = 1", "import os", "p +"),
    *("return p", "\0", "p\u2028p", "\ud800", "'''\n'''", "(p,\nq)", "-" * 100_000 + "1", "(" * 10_000 + "1"),
    *("+".join(["1"] * 50_000), "sqrt(" * 500 + "p" + ")" * 500 + "(", "x" * 10_000),
]


def test_a_formula_that_is_more_than_arithmetic_or_has_no_value():
    rewards = torch.tensor([[1.0, 0, 0, 0]])
    for formula in HOSTILE:
        with case(formula[:30]):
            own = {"derivative": formula}
            refused(lambda o=own: advantage.check("surrogate", 4, 8, o), "options.derivative", of=ConfigError)
            refused(lambda o=own: advantage.compute("surrogate", rewards, 4, **o), "options.derivative", of=ConfigError)


@every("formula", ["1 / (p - 0.5)", "log(0.6 - p)", "sqrt(0.6 - p)", "1e308 / (1 - p)"])
def test_a_formula_without_a_value_somewhere_between_0_and_1_is_refused_before_training(formula):
    refused(lambda: advantage.check("surrogate", 4, 8, {"derivative": formula}), "options.derivative", of=ConfigError)


@every(
    ("formula", "value"),
    [
        ("1", 1.0),
        ("k * (1 - p) ** (k - 1)", 3 * 0.75**2),
        ("1 / sqrt(p * (1 - p))", 1 / math.sqrt(0.1875)),
        ("-log(p) + exp(p) - asin(p)", -math.log(0.25) + math.exp(0.25) - math.asin(0.25)),
        ("min(p, 1 - p, n) + max(k, +n)", 0.25 + 4),
        ("  2e-1*n ", 0.8),
    ],
)
def test_a_formula_that_is_arithmetic_is_taken(formula, value):
    found = advantage.compute("surrogate", torch.tensor([[1.0, 0, 0, 0]]), 3, derivative=formula)
    assert found[0].tolist() == pytest.approx([0.75 * value, *[-0.25 * value] * 3], rel=1e-6)


def test_what_a_formula_gives_at_0_and_at_1_is_not_asked():
    found = advantage.compute("surrogate", cases.staircase(4), 1, derivative="1 / p + 1 / (1 - p)")
    assert found.isfinite().all() and not found[[0, 4]].any()
