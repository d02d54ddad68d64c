"""Estimators by name: ours and other packages', found without importing anything, and each with a whole card."""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from passk import advantage
from passk.advantage import Estimator, registry
from passk.advantage import estimators as estimators
from passk.base import plugins
from passk.base.errors import ConfigError, PasskError
from tests.unit.advantage import cases
from tests.unit.each import every

FILES = sorted(path for path in Path(estimators.__file__).parent.glob("*.py") if path.stem != "__init__")
MINE = """
from passk.advantage import count_estimator, estimator

@count_estimator(k="< N", formula="c - k", source="here", estimates="nothing", scale="sum")
def mine(n, c, k, *, by: float = 1.0):
    return -by * c, by * (n - k)

@estimator(k="any")
def batched(rewards, k):
    return rewards * k
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """install(entries, **modules): a package of somebody else's, with its entry points, until the test ends."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def forget():
        plugins.scan.cache_clear()
        registry._locations.cache_clear()
        registry.get.cache_clear()

    def install(entries, **modules):
        about = tmp_path / f"thirdparty_{len(list(tmp_path.glob('*.dist-info')))}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {about.name.partition('-')[0]}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[passk.advantage]\n" + textwrap.dedent(entries))
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))  # also what is remembered of the folder is forgotten
        forget()

    yield install
    forget()
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def refused(call, *words):
    with pytest.raises(PasskError) as raised:
        call()
    message = str(raised.value)
    assert message.startswith("advantage: ") and len(message.splitlines()) == 1
    assert all(word in message for word in words), message
    return raised.value


def test_names_are_the_files_and_the_proved_ones():
    assert advantage.names() == [path.stem for path in FILES] == sorted(cases.DOMAIN)


def test_names_and_checks_of_counts_leave_torch_and_numpy_out_of_a_fresh_process():
    code = """
        import sys
        from passk import advantage
        assert "passk_analytical" in advantage.names()
        assert not any(name.startswith("passk.advantage.estimators.") for name in sys.modules)
        advantage.check("passk_analytical", 4, 16, {"sigma": False})
        advantage.check("surrogate", 4, 16, {"derivative": "1 / p"})
        advantage.check("passk_easy_masked", 4, 16, {"threshold": 0.5})
        for name in ("maxrl", "psr", "nsr", "w_reinforce", "reinforce_k", "passk_exceeding", "passk_combination"):
            advantage.check(name, 1, 16)
        assert not {"torch", "numpy"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


@every("file", FILES, ids=lambda path: path.stem)
def test_an_estimator_is_a_short_file_named_as_the_estimator(file):
    text = file.read_text()
    tree = ast.parse(text)
    documented = ast.get_docstring(tree, clean=False)
    assert documented and len(text.splitlines()) - len(documented.splitlines()) < 60
    assert sum(isinstance(node, ast.FunctionDef) and node.name == file.stem for node in tree.body) == 1
    assert advantage.get(file.stem).function.__module__ == f"{estimators.__name__}.{file.stem}"


@every("name", advantage.names())
def test_every_card_is_whole(name):
    estimator = advantage.get(name)
    assert estimator.name == name and estimator.scale in ("mean", "sum")
    for text in (estimator.formula, estimator.source, estimator.estimates):
        assert text == text.strip() and 3 < len(text) < 120 and len(text.splitlines()) == 1
    assert estimator.binary or not estimator.counts
    assert estimator.binary == (name in cases.BINARY)
    assert set(estimator.needs) <= set(estimator.inputs) <= {"answers", "entropy", "generator", "state"}


def test_what_the_estimators_need_and_take():
    estimators = {name: advantage.get(name) for name in advantage.names()}
    assert {name: estimator.needs for name, estimator in estimators.items() if estimator.needs} == {
        "cue_grpo": ("answers",),
        "curverl": ("state",),
        "edas": ("answers",),
        "majority": ("answers",),
        "passk_adaptive": ("entropy",),
        "ucpo": ("entropy",),
        "vote_k": ("answers",),
    }
    assert {name: set(estimator.options) for name, estimator in estimators.items() if estimator.options} == {
        "cue_grpo": {"alpha"},
        "curverl": {"window"},
        "edas": {"base", "base_options", "alpha", "beta", "kappa"},
        "f_grpo": {"gamma"},
        "grpo": {"std"},
        "passk_analytical": {"sigma"},
        "passk_bootstrap": {"groups", "reduce"},
        "passk_easy_masked": {"threshold"},
        "ordergrad": {"statistic", "level"},
        "poly_epo": {"diversity"},
        "remax": {"m"},
        "riskpo": {"bundle", "lower", "upper", "w"},
        "rs_grpo": {"beta"},
        "surrogate": {"derivative"},
        "tea": {"share"},
        "tsallis": {"q"},
        "ucpo": {"tau", "std"},
        "w_reinforce": {"positive"},
    }


def test_an_estimator_that_changes_anothers_advantages_needs_what_that_one_needs():
    def needs(name, **options):
        return advantage.needs(name, advantage.check(name, 2, 8, options))

    assert needs("passk_analytical") == {}
    assert needs("passk_adaptive") == {"entropy": "passk_adaptive"}
    assert needs("edas", base="passk_analytical") == {"answers": "edas"}
    assert needs("edas", base="majority") == {"answers": "edas"}
    of_state = advantage.check("edas", 1, 8, {"base": "curverl"})
    assert advantage.needs("edas", of_state) == {"answers": "edas", "state": "curverl"}
    assert needs("edas", base="passk_adaptive") == {"answers": "edas", "entropy": "passk_adaptive"}


@every("name", ["pass_analytical", "zzz", "", "__init__", "grpo:grpo", "../grpo", "os"])
def test_a_name_that_is_none_is_refused(name):
    error = refused(lambda: advantage.get(name), repr(name), "does not exist")
    assert isinstance(error, ConfigError)
    for call in (lambda: advantage.check(name, 1, 8), lambda: advantage.compute(name, torch.zeros(1, 8), 1)):
        refused(call, repr(name))


def test_a_mistyped_name_gets_the_nearest_name():
    refused(lambda: advantage.get("pass_analytical"), "did you mean passk_analytical?")


def test_an_estimator_of_another_package_is_found_by_its_name(install):
    install("mine = their_rules:mine\nbatched = their_rules:batched\n", their_rules=MINE)
    assert {"mine", "batched", "grpo"} <= set(advantage.names()) and "their_rules" not in sys.modules
    assert advantage.check("mine", 2, 4) == {"by": 1.0}
    found = advantage.compute("mine", torch.tensor([[1.0, 0, 0, 1]]), 2, by=0.5)
    assert found.tolist() == [[1, -1, -1, 1]]
    assert advantage.compute("batched", torch.tensor([[1.0, 0.25]]), 3).tolist() == [[3, 0.75]]
    assert registry.package("mine") == "thirdparty_0 1.0" and registry.package("grpo") is None


def test_one_package_seen_twice_is_no_clash(install):
    install("mine = their_rules:mine\n", their_rules=MINE)
    install("mine = their_rules:mine\n")
    assert advantage.names().count("mine") == 1 and advantage.get("mine").name == "mine"


@pytest.mark.parametrize("name", ["grpo", "mine"])
def test_a_name_that_is_taken_is_refused(install, name):
    install("mine = their_rules:mine\n", their_rules=MINE)
    install(f"{name} = other_rules:{name}\n")
    of = "passk.advantage.estimators.grpo:grpo" if name == "grpo" else "their_rules:mine"
    for call in (advantage.names, lambda: advantage.get("grpo"), lambda: advantage.check("dr_grpo", 1, 8)):
        refused(call, f"{name} is both", of, f"other_rules:{name}", "uninstall or rename")


@pytest.mark.parametrize(
    ("entry", "source", "words"),
    [
        ("mine = not_there:mine", None, ["mine", "not_there"]),
        ("mine = their_rules:absent", MINE, ["mine", "absent"]),
        ("mine = their_rules", MINE, ["mine", "their_rules"]),
        ("mine = their_rules:batched", MINE, ["not an estimator named mine"]),
        ("mine = their_rules:mine", "def mine(rewards, k): return rewards", ["not an estimator named mine"]),
        ("mine = their_rules:mine", "mine = 3", ["not an estimator named mine"]),
        ("mine = their_rules:mine", "import a_package_that_is_not_there", ["a_package_that_is_not_there"]),
        ("mine = their_rules:mine", "def mine(:", ["mine", "their_rules"]),
        ("mine = their_rules:mine", "1 / 0", ["mine", "their_rules"]),
        ("mine = their_rules:mine", "raise ImportError('two\\nlines')", ["mine", "their_rules"]),
    ],
)
def test_an_entry_point_that_is_no_estimator_is_refused_in_one_line_and_harms_no_other(install, entry, source, words):
    install(entry + "\n", **({"their_rules": source} if source else {}))
    assert "mine" in advantage.names()
    refused(lambda: advantage.get("mine"), *words)
    assert isinstance(advantage.get("grpo"), Estimator)
