import json
import re
import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

from passk import advantage
from passk.advantage import registry, show
from passk.base.errors import ConfigError, PasskError
from passk.cli import advantage as advantage_cli
from passk.cli.main import app
from tests.unit.each import every

REQUIRED = {
    "f_grpo": {"gamma": 1.0},
    "ordergrad": {"statistic": "top", "level": 0.5},
    "passk_easy_masked": {"threshold": 0.5},
    "rs_grpo": {"beta": 2.0},
    "surrogate": {"derivative": "1 / p"},
    "tsallis": {"q": 0.5},
}
SHOWN = [name for name in advantage.names() if not (advantage.get(name).needs or advantage.get(name).graded)]


def passk_advantage(*words: str) -> str:
    done = CliRunner().invoke(app, ["advantage", *words] if words else ["advantage", "list"], catch_exceptions=True)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0
    return done.stdout


def shown(name: str, *words: str) -> str:
    k = [] if advantage.get(name).k == "1" else ["--k", "4"]
    return passk_advantage("show", name, "--n", "16", *k, "--options", json.dumps(REQUIRED.get(name, {})), *words)


def numbers(output: str) -> dict[int, list[float | None]]:
    """The printed table: c -> incorrect, correct, step_size."""
    rows = re.findall(r"^ +(\d+) +([-+.e\d]+) +([-+.e\d]+) +([-+.e\d]+)$", output, re.MULTILINE)
    return {int(c): [None if value == "-" else float(value) for value in values] for c, *values in rows}


def test_the_table_has_each_estimator_on_one_whole_line_where_no_terminal_is():
    lines = passk_advantage().splitlines()
    assert lines[0].split() == list(advantage_cli.HEAD)
    assert [line.split()[0] for line in lines[1:]] == advantage.names()
    for line in lines[1:]:
        estimator = advantage.get(line.split()[0])
        assert (
            estimator.formula in line
            and estimator.source in line
            and f" {estimator.k} " in line
            and line.endswith(" passk")
        )
        assert all(word in line for word in (*estimator.needs, *estimator.options))
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_the_same_words_in_lines_that_fit(width):
    rows = advantage_cli.cards()
    text = advantage_cli.listing(rows, width)
    assert max(map(len, text.splitlines())) <= width
    unfolded = " ".join(text.split())
    for name, k, needs, options, formula, source, _ in rows:
        for part in (name, k, needs, options, formula, source):
            assert " ".join(part.split()) in unfolded


def test_an_estimator_that_is_broken_is_listed_with_its_fault_and_hides_no_other(monkeypatch):
    def get(name: str) -> advantage.Estimator:
        if name == "grpo":
            raise PasskError("advantage: grpo is not available")
        return registry.get(name)

    monkeypatch.setattr(advantage, "get", get)
    lines = passk_advantage().splitlines()
    assert len(lines) == 1 + len(advantage.names())
    assert next(line for line in lines if "not available" in line).startswith("grpo ")


@every("name", SHOWN)
def test_what_is_printed_is_what_compute_gives(name):
    table = numbers(shown(name))
    assert list(table) == list(range(17))
    k, estimator = (1 if advantage.get(name).k == "1" else 4), advantage.get(name)
    options = estimator.validated(REQUIRED.get(name, {}))
    generator = torch.Generator().manual_seed(0)
    extra = {"generator": generator} if "generator" in estimator.inputs else {}
    loose = name in (
        "passk_full",
        "passk_bootstrap",
        "loo_max",
        "riskpo",
    )  # estimators of places or draws: means of many orders
    orders = 4000 if loose else 1
    for c, (incorrect, correct, eta) in table.items():
        rewards = (torch.rand(orders, 16, generator=generator).argsort(dim=1) < c).float()
        found = advantage.compute(name, rewards, k, **options, **extra).double()
        tolerance = {"abs": 0.1, "rel": 0.2} if loose else {"abs": 1e-6, "rel": 1e-3}
        expected = [found[rewards == kind] for kind in (0, 1)]
        for value, of in zip((incorrect, correct), expected, strict=True):
            assert (value is None) == (len(of) == 0)
            assert value is None or value == pytest.approx(of.mean().item(), **tolerance), (c, value)
        assert eta == pytest.approx((16 - c) * abs(incorrect or 0) + c * abs(correct or 0), rel=1e-3, abs=2e-5)


@every("name", SHOWN)
def test_every_estimator_is_drawn_and_fits(name):
    text = shown(name)
    chart = text[text.index("advantage: correct o") :].splitlines()
    assert max(map(len, chart)) <= 80 and "\x1b" not in text and text.isascii()
    assert advantage.get(name).formula in text and advantage.get(name).source in text
    plots = [line.partition("|")[2] for line in chart if " |" in line]
    assert len([line for line in plots if line.strip(" .")]) >= 4


def test_a_chart_puts_the_marks_where_the_numbers_are():
    kinds = [(0.0, 0.0), (-1.0, 3.0), (-2.0, 1.0), (-3.0, 0.0), (0.0, -1.0)]
    lines = show.chart(kinds, [0.0, 6.0, 6.0, 3.0, 4.0], 46).splitlines()
    plot = [line.partition("|") for line in lines[1:14]]
    rows = {float(label): row for label, _, row in plot if label.strip()}
    assert list(rows) == [3.0, 0.0, -3.0]
    assert rows[3.0].strip() == "o" and rows[-3.0].strip() == "x"
    places = [i * 8 for i in range(5)]
    assert rows[3.0].index("o") == places[1] and rows[-3.0].index("x") == places[3]
    assert [rows[0.0][place] for place in places] == ["x", ".", ".", "o", "."]
    assert [int(word) for word in lines[-1].split()[:-1]] == [0, 1, 2, 3, 4]


@every("n", [1, 2, 7, 100, 1024])
@every("width", [45, 80])
def test_a_chart_fits_whatever_n_is(n, width):
    kinds = [(-c / n, 1e9 if c == 1 else 0.0) for c in range(n + 1)]
    assert max(map(len, show.chart(kinds, [1.0] * (n + 1), width).splitlines())) <= width


@pytest.mark.parametrize("n", ["1", "16", "200"])
def test_a_png_is_a_picture_with_three_lines_in_it(tmp_path, n):
    from matplotlib.image import imread

    file = tmp_path / "a.png"
    text = passk_advantage("show", "w_reinforce", "--n", n, "--options", '{"positive": 0.5}', "--png", str(file))
    assert "advantage: correct o" not in text and len(numbers(text)) == int(n) + 1
    assert file.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = (imread(file)[..., :3] * 255).round().astype(int)
    assert pixels.shape == (540, 1200, 3)
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0x00, 0x9E, 0x73)):
        assert (abs(pixels - colour).sum(axis=2) < 8).sum() > 50


def test_a_png_shows_an_option_with_dollars_as_it_was_written(tmp_path):
    show.png(tmp_path / "a.png", [(0.0, 0.0), (0.0, 1.0)], [0.0, 1.0], 'a = "$x$ \\frac$"', "$\\nothing$")
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_k_is_required_by_estimators_of_pass_at_k_alone():
    assert "k = 1" in passk_advantage("show", "rloo", "--n", "4")
    with pytest.raises(ConfigError, match=r"k: passk_analytical .*requires --k; add it, for example --k 4$"):
        passk_advantage("show", "passk_analytical")


@every(
    ("words", "message"),
    [
        (["grpoo"], "advantage: 'grpoo' does not exist; did you mean grpo?"),
        (["grpo", "--n", "0"], "n: must be 1 or more rollouts, not 0"),
        (["grpo", "--k", "4"], "k: "),
        (["passk_analytical", "--k", "32"], "k: "),
        (["passk_analytical", "--k", "0"], "k: "),
        (["grpo", "--options", "{"], "options: is not JSON"),
        (["grpo", "--options", "[" * 100_000], "options: is not JSON: maximum recursion"),
        (["grpo", "--options", "[1]"], "options: must be an object such as"),
        (["grpo", "--options", '{"sdt": 1}'], "options.sdt: grpo has no such option; did you mean std?"),
        (["grpo", "--options", '{"std": "none"}'], "options.std: "),
        (["surrogate", "--k", "2"], "options.derivative: "),
        (["surrogate", "--k", "2", "--options", '{"derivative": "q"}'], "options.derivative: "),
        (["grpo", "--png", "nowhere/a.png"], "png: nowhere/a.png: No such file or directory"),
        (["edas", "--k", "1"], "advantage: edas needs answers"),
        (["majority"], "advantage: majority needs answers"),
        (["passk_adaptive", "--k", "4"], "advantage: passk_adaptive needs entropy"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line_and_nothing_is_printed(words, message):
    done = CliRunner().invoke(app, ["advantage", "show", *words])
    assert isinstance(done.exception, ConfigError)  # of which the command makes exit status 2
    assert str(done.exception).startswith(message) and "\n" not in str(done.exception)
    assert done.stdout == ""


def test_the_command_exits_with_status_2_and_says_one_line():
    code = "import sys; from passk.cli.main import main; sys.argv[1:] = ['advantage', 'show', 'edas']; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("passk: advantage: edas needs answers")


def test_drawing_an_estimator_of_counts_wants_no_torch():
    code = (
        "import sys; from passk.advantage import step_size, show\n"
        "a = 'passk_analytical', 32, 4\n"
        "show.chart(step_size.kinds(*a), step_size.curve(*a), 80)\n"
        "assert not {'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
