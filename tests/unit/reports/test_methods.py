import pytest

from reports.data.methods import against_baseline, methods, nodes


def sft(parent=None):
    return {"kind": "sft", "from": parent, "steps": 10}


def rl(parent, estimator="grpo", k=1):
    return {"kind": "rl", "from": parent, "steps": 10, "advantage": estimator, "k": k}


DEMO = {
    "warm": sft(),
    "pass1": rl("warm"),
    "pass4": rl("warm", "passk_analytical", 4),
    "pass4-pass1": rl("pass4", "passk_analytical", 1),
}


def test_the_demo_has_two_methods_and_one_pair():
    chains = methods(nodes(DEMO))
    assert [(method.name, method.is_baseline, method.warm_start) for method in chains] == [
        ("pass1", True, "warm"),
        ("pass4-pass1", False, "warm"),
    ]
    assert [(a.name, b.name) for a, b in against_baseline(chains)] == [("pass4-pass1", "pass1")]


def test_a_stage_shows_the_estimators_that_it_came_to_use():
    for written in ({1: "grpo", 5: "maxrl", 50: "psr"}, [[1, "grpo"], [5, "maxrl"], [50, "psr"]]):
        [node] = nodes({"arm": rl(None, written)})
        assert node.advantage == "grpo→maxrl"


def test_the_graphs_order_survives_a_file_whose_keys_were_sorted():
    assert [node.name for node in nodes(dict(sorted(DEMO.items())))] == [
        "warm",
        "pass1",
        "pass4",
        "pass4-pass1",
    ]


@pytest.mark.parametrize(
    ("estimators", "expected"),
    [
        ({"grpo": 1, "rloo": 1, "passk": 4}, [("rloo", "grpo"), ("passk", "grpo")]),
        ({"k8": 8, "pass1": 1}, [("k8", "pass1")]),
        ({"k4": 4, "k8": 8, "k16": 16}, [("k8", "k4"), ("k16", "k4")]),
    ],
)
def test_every_method_is_compared_with_the_first_of_pass_at_1_or_else_the_first(estimators, expected):
    graph = {"warm": DEMO["warm"]} | {name: rl("warm", "any", k) for name, k in estimators.items()}
    assert [(a.name, b.name) for a, b in against_baseline(methods(nodes(graph)))] == expected


def test_a_method_from_the_experiments_own_model_starts_at_base():
    (method,) = methods(nodes({"explore": rl(None, "passk_analytical", 4)}))
    assert (method.warm_start, method.is_baseline) == ("base", False)
    assert against_baseline([method]) == []


def test_a_stage_under_its_parsed_name_for_from_is_read_too():
    graph = {"warm": {"kind": "sft", "parent": None, "steps": 1}, "a": {**rl(None), "parent": "warm"}}
    del graph["a"]["from"]
    assert nodes(graph)[1].parent == "warm"


def test_an_sft_leaf_is_no_method():
    assert methods(nodes({"warm": sft(), "more": sft("warm")})) == []


@pytest.mark.parametrize("k", [4, {"from": 8, "to": 1, "every": 2}, [[1, 4], [5, 2]]])
def test_a_method_is_found_again_in_a_table_of_methods_however_its_k_is_written(k):
    """A report uses methods as keys, whatever the form of k."""
    graph = {"warm": sft(), "method": rl("warm", "passk_analytical", k)}
    (method,), (same,) = methods(nodes(graph)), methods(nodes(graph))
    assert {method: "found"}[same] == "found"
