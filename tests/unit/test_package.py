"""The package as `pip install .` makes it: its wheel in an environment that has the base dependencies and no more."""

import os
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from dev.imports import ROOT
from passk.base import extras
from tests.unit.test_walls import third_party

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def linked(requirement: Requirement, site: Path, done: set[str]) -> None:
    """Link an installed package, and all that it requires, into another environment's site-packages."""
    extra = {"extra": next(iter(requirement.extras), "").replace("_", "-")}
    key = f"{requirement.name}{sorted(requirement.extras)}"
    if key in done or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
        return
    done.add(key)
    found = distribution(requirement.name)
    for top in {file.parts[0] for file in found.files} - {"..", "__pycache__"}:
        if not (site / top).exists():
            (site / top).symlink_to(found.locate_file(top))
    for text in found.requires or []:
        inner = Requirement(text)
        if inner.marker is None or inner.marker.evaluate(extra):
            inner.marker = None
            linked(inner, site, done)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment's folder of commands and its site-packages."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("passk", "flows", "tasks", "reports", "studies", "bench", "dev", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run([*pip, *build], check=True, timeout=120)
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    (wheel,) = folder.glob("passk-*.whl")
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    assert {entry.name for entry in site.iterdir()} == {"passk", f"passk-{PROJECT['version']}.dist-info"}
    for text in PROJECT["dependencies"]:
        linked(Requirement(text), site, set())
    return python.parent, site


def run(folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Run a command in `folder`, with no variable that could lead to this checkout."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120)


def test_base_dependencies_are_few_and_without_torch(installed):
    _, site = installed
    names = {entry.name for entry in site.iterdir()}
    assert {"numpy", "pydantic", "typer", "yaml", "math_verify"} <= names
    assert not names & {"torch", "ray", "vllm", "prefect", "duckdb", "pandas", "pyarrow", "matplotlib", "transformers"}


def test_the_library_and_the_help_work_with_base_dependencies_alone(installed, tmp_path):
    commands, site = installed
    code = r"""
from passk import advantage, verifiers
from passk.statistics.pass_at_k import pass_at_k
from passk.verifiers.pool import Pool
assert "passk_analytical" in advantage.names()
print(advantage.__file__)
print([verifiers.verify("math", r"\boxed{\frac{1}{2}}", "0.5").correct, verifiers.verify("numeric", "5", "6").correct])
pool = Pool()
print(pool.submit("math", r"\boxed{7}", "7").result().reason, float(pass_at_k(4, 2, 2)))
pool.close()
"""
    shown = run(tmp_path, str(commands / "python"), "-c", code)
    assert shown.stdout.splitlines() == [
        str(site / "passk" / "advantage" / "__init__.py"),
        "[True, False]",
        f"correct {5 / 6}",
    ], shown.stderr
    for arguments in (["--help"], ["run", "--help"], ["verifiers", "list"], ["problems", "list"], ["schema"]):
        shown = run(tmp_path, str(commands / "passk"), *arguments)
        assert (shown.returncode, shown.stderr) == (0, ""), arguments
    assert run(tmp_path, str(commands / "passk"), "--version").stdout == f"passk {PROJECT['version']}\n"


@pytest.mark.parametrize("command", [["run", "x.yaml"], ["sweep", "x.yaml"], ["report", "x"], ["compare", "x", "y"]])
def test_a_command_of_the_pipeline_says_outside_a_checkout_that_it_needs_one(installed, tmp_path, command):
    shown = run(tmp_path, str(installed[0] / "passk"), *command)
    assert shown.returncode == 1 and shown.stdout == ""
    assert shown.stderr == (
        f"passk: {command[0]} works in a checkout only: clone the repository of passk, and run the command there\n"
    )


@pytest.mark.parametrize(
    ("command", "subject", "extra"),
    [
        (["sql", "SELECT 1"], "sql", "store"),
        (["ingest"], "ingest", "store"),
        (["plan", "x.yaml"], "plan", "train"),
        (["advantage", "show", "grpo"], "advantage grpo", "torch"),
    ],
)
def test_a_command_whose_extra_is_missing_names_it(installed, tmp_path, command, subject, extra):
    (tmp_path / "runs").mkdir()
    shown = run(tmp_path, str(installed[0] / "passk"), *command)
    assert shown.returncode == 1
    assert shown.stderr == f'passk: {subject} needs the extra "{extra}": pip install "passk[{extra}]"\n'


@pytest.mark.parametrize(("command", "extra"), [("run", "train"), ("report", "report")])
def test_in_a_checkout_a_command_of_the_pipeline_names_its_extra(installed, command, extra):
    code = f"import sys; sys.argv[1:] = ['{command}', 'x']; from passk.cli.main import main; main()"
    shown = run(ROOT, str(installed[0] / "python"), "-c", code)
    assert shown.stderr == f'passk: {command} needs the extra "{extra}": pip install "passk[{extra}]"\n'


def test_an_editable_install_finds_the_pipeline_from_anywhere(tmp_path):
    code = "import flows, tasks, reports, reports.figures; print(flows.__file__)"
    assert run(tmp_path, sys.executable, "-c", code).stdout == f"{ROOT / 'flows' / '__init__.py'}\n"


def test_every_package_that_the_source_imports_is_a_dependency_or_in_an_extra():
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    declared = {Requirement(text).name for group in groups for text in group} - {"passk"}
    modules = {"pyyaml": "yaml"} | extras._MODULES
    declared = {modules.get(name, name.replace("-", "_")) for name in declared}
    assert declared == third_party("passk", "flows", "tasks", "reports")


def test_a_missing_module_that_no_extra_installs_stays_the_error_that_it_is():
    assert extras.missing(ModuleNotFoundError("no", name="flows.none"), "run") is None
    assert extras.missing(ImportError("no", name="torch"), "run") is None
    assert str(extras.missing(ModuleNotFoundError("no", name="torch.nn"), "x")).startswith('x needs the extra "torch"')
