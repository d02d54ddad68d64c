"""Making an estimator: what its signature says about it, and what its options are checked for."""

from typing import Annotated, Literal

import pytest
import torch
from pydantic import Field

from passk import advantage
from passk.advantage import Estimator, count_estimator, estimator
from passk.base.errors import ConfigError
from tests.unit.each import every


@estimator(k="<= N", binary=True, formula="f", source="s", estimates="e", scale="sum")
def everything(
    rewards: torch.Tensor,
    k: int,
    *,
    answers: torch.Tensor,
    entropy: torch.Tensor | None = None,
    times: Annotated[float, Field(gt=0)] = 2.0,
    kind: Literal["a", "b"],
) -> torch.Tensor:
    return rewards * times


@count_estimator(k="any")
def untyped(n, c, k, *, by=3):
    return 0.0, by


def test_the_card_is_read_from_the_signature():
    assert isinstance(everything, Estimator) and everything.name == "everything"
    assert (everything.counts, everything.binary, everything.scale) == (False, True, "sum")
    assert everything.inputs == ("answers", "entropy") and everything.needs == ("answers",)
    assert list(everything.options) == ["times", "kind"] and everything.options["times"] == 2.0
    assert (untyped.counts, untyped.binary, untyped.inputs, untyped.needs) == (True, True, (), ())


def test_an_estimator_called_is_the_function_as_it_was_written():
    assert untyped(4, 2, 1) == (0.0, 3) and untyped(4, 2, 1, by=5) == (0.0, 5)
    assert torch.equal(everything(torch.ones(1, 2), 1, answers=None, kind="a"), torch.full((1, 2), 2.0))


def test_options_come_back_complete():
    assert everything.validated({"kind": "b"}) == {"times": 2.0, "kind": "b"}
    assert everything.validated({"kind": "a", "times": 1}) == {"times": 1.0, "kind": "a"}
    assert untyped.validated({}) == {"by": 3}


@every(
    ("options", "message"),
    [
        ({}, "options.kind: is invalid for everything: field required"),
        ({"kind": "c"}, "options.kind: is invalid for everything: input should be 'a' or 'b', not 'c'"),
        ({"kind": "a", "times": 0}, "options.times: is invalid for everything: input should be greater than 0, not 0"),
        (
            {"kind": "a", "times": "2"},
            "options.times: is invalid for everything: input should be a valid number, not '2'",
        ),
        ({"kind": "a", "tims": 2.0}, "options.tims: everything has no such option; did you mean times?"),
        ({"kind": "a", "zzz": 2.0}, "options.zzz: everything has no such option; choose one of kind, times"),
        ({"kind": "a", "answers": []}, "options.answers: everything has no such option"),
    ],
)
def test_an_option_that_it_does_not_take_is_refused(options, message):
    for call in (lambda: everything.validated(options), lambda: advantage.check(everything, 1, 4, options)):
        with pytest.raises(ConfigError) as raised:
            call()
        assert str(raised.value).startswith(message) and len(str(raised.value).splitlines()) == 1


def test_compute_takes_an_estimator_that_nobody_installed():
    assert advantage.compute(untyped, torch.tensor([[1.0, 0.0]]), 9, by=2.5).tolist() == [[2.5, 0.0]]
    found = advantage.compute(everything, torch.tensor([[1.0, 0.0]]), 2, answers=[["a", "b"]], kind="a", times=0.5)
    assert found.tolist() == [[0.5, 0.0]]


def test_an_estimator_gets_answers_as_numbers_and_rewards_as_finite_doubles():
    seen = {}

    @estimator(k="any")
    def watching(rewards, k, *, answers, entropy):
        seen.update(rewards=rewards, answers=answers, entropy=entropy)
        return rewards

    advantage.compute(
        watching,
        torch.tensor([[1, 2, 3], [4, 5, 6]]),
        1,
        answers=[["x", None, "x"], ["y", "", "x"]],
        entropy=torch.ones(2, 3),
    )
    assert seen["rewards"].dtype == torch.float64 and seen["entropy"].dtype == torch.float64
    first, second = seen["answers"].tolist()
    assert seen["answers"].dtype == torch.int64 and first[0] == first[2] >= 0 > first[1]
    assert len(set(second)) == 3 and min(second) >= 0  # an empty answer is one


def test_what_overflows_float32_becomes_its_largest_number():
    @count_estimator(k="any")
    def huge(n, c, k):
        return -1e300, 1e300

    @estimator(k="any")
    def larger(rewards, k):
        return rewards * 1e300

    top = torch.finfo(torch.float32).max
    for made in (huge, larger):
        assert set(advantage.compute(made, torch.tensor([[1.0, 0.0]]), 1).abs()[0].tolist()) <= {top, 0.0}
