"""The response that the reward function judges."""

from passk.openrlhf.prompt_label import Label
from passk.openrlhf.reward import reward_func, stopped
from tests.unit.each import every


@every(
    ("response", "stop", "judged"),
    [
        ("4\n\nQ: 5", ["\n\n"], "4"),
        ("4 END more Q:", ["Q:", "END"], "4 "),
        ("abab", ["bab", "ba"], "a"),  # vLLM stops at the first complete text
        ("4", ["\n\n"], "4"),
        ("4 END", [], "4 END"),
    ],
)
def test_a_response_ends_before_the_first_stop_text(response, stop, judged):
    assert stopped(response, stop) == judged


def test_a_rollout_is_judged_without_its_stop_text_as_a_sample_is():
    for stop, reward in ((["!"], 1.0), ([], 0.0)):
        label = Label("p", "exact", "4", stop=stop).dump()
        assert reward_func(["2+2=4! so<|im_end|>"], ["2+2="], [label])["rewards"] == reward
