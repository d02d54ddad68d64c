"""docs/advantage.md and docs/advantage-estimators.md say what the estimators say."""

import math
import re
from pathlib import Path

import pytest

from passk import advantage
from passk.advantage import cards, step_size
from tests.unit.each import every

DOCS = Path(__file__).parents[2] / "docs"
N, K = 32, 4


def test_the_table_of_rules_in_the_docs_is_made_from_their_cards():
    between = re.search(
        r"<!-- estimators -->\n(.*)<!-- end of estimators -->",
        (DOCS / "advantage-estimators.md").read_text(),
        re.DOTALL,
    )
    # estimators that other packages have installed come last
    assert cards.table().startswith(between[1]), f"put this there:\n{cards.table()}"
    assert between[1].count("\n") == 2 + sum(map(len, cards.FAMILIES.values()))


def test_every_rule_of_ours_has_a_family():
    ours = {file.stem for file in (DOCS.parent / "passk" / "advantage" / "estimators").glob("[!_]*.py")}
    assert sorted(name for family in cards.FAMILIES.values() for name in family) == sorted(ours)


def test_every_estimator_of_ours_stands_by_what_it_weighs():
    section = (DOCS / "advantage.md").read_text().partition("## What each estimator weighs")[2].partition("**Ident")[0]
    assert set(re.findall(r"`([a-z_0-9]+)`", section)) == {
        name for family in cards.FAMILIES.values() for name in family
    }


def test_every_identity_of_the_docs_is_a_test():
    tests = "".join(file.read_text() for file in (DOCS.parent / "tests" / "unit" / "advantage").glob("test_*.py"))
    table = (DOCS / "advantage.md").read_text().partition("**Identities.**")[2].partition("**Reconstr")[0]
    named = re.findall(r"^\|.*\| `([a-z_0-9]+)`", table, re.MULTILINE)
    assert len(named) >= 12 and [name for name in named if f"def test_{name}(" not in tests] == []


def test_the_demos_numbers_in_the_readme_are_those_of_its_report():
    interval = r"(\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\])"
    columns = [r"(test)", r"([\w-]+)", interval, interval, interval]
    readme = re.findall(rf"^    {' +'.join(columns)}$", (DOCS.parent / "README.md").read_text(), re.MULTILINE)
    report = (DOCS / "examples" / "shortcut" / "report.md").read_text().replace("`", "")
    assert readme == re.findall(rf"^\| {r' +[|] +'.join(columns)} \|$", report, re.MULTILINE)
    assert [row[1] for row in readme] == ["warm", "pass1", "pass4-pass1"]


def test_every_figure_that_a_document_shows_is_there():
    for document in DOCS.glob("*.md"):
        for figure in re.findall(r"!\[[^]]*\]\(([^)]+)\)", document.read_text()):
            assert (document.parent / figure).is_file(), f"{document.name}: {figure}"


def anchors(page):
    """The anchors of a page's headings, as they are linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every(
    "page",
    sorted([*DOCS.parent.glob("*.md"), *DOCS.rglob("README.md"), *DOCS.glob("*.md")]),
    ids=lambda page: page.name,
)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page):
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_a_page_has_at_most_250_lines_and_the_readme_120():
    lines = {page.name: page.read_text().count("\n") for page in DOCS.glob("*.md")}
    assert {name: count for name, count in lines.items() if count > 250} == {}
    assert len(lines) > 9 and (DOCS.parent / "README.md").read_text().count("\n") <= 120


def q(c):
    return math.comb(N - c, K) / math.comb(N, K)


def analytical(c):
    return math.sqrt(q(c) / (1 - q(c))) / (1 - c / N)


def pass_1(c):
    return 1 / math.sqrt(c / N * (1 - c / N))


@every(
    ("name", "k", "options", "weight"),
    [
        ("dr_grpo", 1, {}, lambda c: 1),
        ("rloo", 1, {}, lambda c: N / (N - 1)),
        ("grpo", 1, {}, pass_1),
        ("maxrl", 1, {}, lambda c: N / c),
        ("passk_analytical", K, {}, analytical),
        ("passk_analytical", K, {"sigma": False}, lambda c: q(c) / (1 - c / N)),
        ("passk_exceeding", K, {}, lambda c: 0.4 / math.log(c + 0.5) * analytical(c)),
        ("passk_combination", K, {}, lambda c: c / N * analytical(c) + (1 - c / N) * pass_1(c)),
        ("maxpo", K, {}, lambda c: K / (N - 1) * math.comb(N - c - 1, K - 1) / math.comb(N - 2, K - 1)),
        ("reinforce_k", K, {}, lambda c: K * (1 - c / N) ** (K - 1)),
        ("remax", K, {}, lambda c: (1 - c / N) ** (K - 1)),
        ("remax", 1, {"m": 2.5}, lambda c: (1 - c / N) ** 1.5),
        ("f_grpo", 1, {"gamma": 2.0}, lambda c: (1 - c / N) ** 2 * pass_1(c)),
        ("rs_grpo", 1, {"beta": 2.0}, lambda c: math.expm1(2) / 2 / (1 + c / N * math.expm1(2))),
        ("tsallis", 1, {"q": 0.5}, lambda c: (c / N) ** -0.5),
        ("surrogate", K, {"derivative": "1 / p"}, lambda c: N / c),
    ],
)
def test_the_weights_of_the_unified_view_are_the_rules(name, k, options, weight):
    for c, (wrong, right) in enumerate(step_size.kinds(name, N, k, options)):
        if 0 < c < N:
            assert right == pytest.approx(weight(c) * (1 - c / N), rel=1e-5, abs=1e-12), c
            assert wrong == pytest.approx(-weight(c) * c / N, rel=1e-5, abs=1e-12), c
        else:
            assert wrong == right == 0


def test_maxpo_is_s_less_the_mean_best_of_the_sets_without_i():
    # docs/advantage.md: that of pkpo_sloo with its coefficient k/(N-1) replaced by k/N
    import torch

    rewards = torch.randn(20, 12, generator=torch.Generator().manual_seed(0))
    for k in range(1, 12):
        s, sloo, maxpo = (advantage.compute(name, rewards, k) for name in ("pkpo_s", "pkpo_sloo", "maxpo"))
        assert torch.allclose(s + (sloo - s) * 11 / 12, maxpo, atol=1e-6)
    rloo = advantage.compute("rloo", rewards, 1)
    assert torch.allclose(12 * advantage.compute("maxpo", rewards, 1), rloo, atol=1e-6)


def test_pkpo_sloo_alone_gives_equal_rewards_something():
    import torch

    equal = torch.ones(1, N)
    assert (N * advantage.compute("pkpo_sloo", equal, K)).tolist()[0] == pytest.approx([-K / (N - 1)] * N, rel=1e-5)
    for name in ("pkpo_sloo_minus_one", "maxpo", "loo_max", "passk_analytical"):
        assert not advantage.compute(name, equal, K).any(), name
