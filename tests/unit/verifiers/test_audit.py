"""The determinism audit: finds noise of every sort, and none in our verifiers."""

import pytest

from passk import verifiers
from passk.base.errors import PasskError
from passk.verifiers.audit import audit, check, probes


def test_noise_and_the_order_of_a_set_are_found_and_what_is_the_same_is_not(bad):
    rows = [(bad, response, "yes") for response in ("yes", "noise", "no", "order", "exit 1")]
    assert [difference.row[1] for difference in audit(rows, processes=1)] == ["noise", "order"]


def test_a_noisy_verifier_is_refused_in_one_line(bad):
    check(bad, ["yes"] * 3)
    with pytest.raises(PasskError, match=r"^verifier: bad is noisy: 1 of 13 verdicts differ .*'noise'") as error:
        check(bad, ["yes"], demonstrations=["noise"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", verifiers.names())
def test_our_verifiers_give_the_same_verdicts_with_another_hash_seed_and_in_another_order(name):
    response, answer = verifiers.load(name).EXAMPLE
    given = [
        "\\{3, 1, 2\\}",
        "x+y+z",
        "y=2x, x=3",
        "\\begin{pmatrix}1&2\\end{pmatrix}",
        "x^2+y^2<1",
        "(a+b)(c+d)",
        "A or B",
    ]
    rows = [(name, text, answer) for text in (response, *(p for g in given for p in probes(g, answer, "")))]
    assert audit(rows, processes=1) == []
