"""The walls between the rooms (docs/design.md), read from the imports in the source."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from dev.imports import ROOT, arrows, circles, files, floors, imported, room, rooms
from tests.unit.each import every

# From bottom to top. A room imports rooms of its own layer and of those below it.
LAYERS = (
    {"passk.base", "passk.statistics", "passk.cpu"},
    {
        "passk.files",
        "passk.verifiers",
        "passk.methods",
        "passk.advantage",
        "passk.advantage.estimators",
        "passk.adapters",
    },
    {"passk.problems", "passk.store"},
    {"passk.experiment", "passk.models"},
    {"passk.runtime", "passk.openrlhf", "passk.evaluation", "passk.trackers"},
    {"passk.pipeline"},
    {"reports.data"},
    {"reports.figures", "reports.sections"},
    {"reports"},
    {"tasks"},
    {"flows"},
    {"passk.cli"},
)
# Package -> the only rooms that import it.
ALONE = {
    "prefect": {"flows", "tasks"},
    "duckdb": {"passk.store"},
    "openrlhf": {"passk.openrlhf"},
    "ray": {"passk.runtime", "passk.openrlhf", "passk.evaluation"},
    "vllm": {"passk.openrlhf", "passk.evaluation", "passk.cpu"},
    "verl": {"passk.adapters"},
    "trl": {"passk.adapters"},
}
LIGHT = ("passk/experiment", "passk/store", "passk/statistics", "passk/files", "reports")
HEAVY = {"torch", "ray", "vllm"}
LATE = HEAVY | {"openrlhf", "prefect", "datasets"}
"""What no light room loads when it is loaded."""
OURS = {"passk", "flows", "tasks", "reports", "studies", "bench", "dev"}


def packages(file: Path) -> set[str]:
    return {module.partition(".")[0] for module in imported(file)}


def third_party(*folders: str) -> set[str]:
    return set().union(*map(packages, files(*folders))) - set(sys.stdlib_module_names) - OURS


def test_no_circle_and_not_too_many_rooms_or_floors():
    graph = rooms()
    assert not circles(graph)
    assert len(graph) <= 25
    assert max(floors(graph).values()) <= 10


def test_every_room_stands_in_one_layer_and_imports_none_above_it():
    layer = {name: number for number, names in enumerate(LAYERS) for name in names}
    assert set(layer) == set(rooms())
    for (source, target), by in arrows().items():
        if source != "passk":
            assert layer[target] <= layer[source], f"{source} imports {target}, which is above it, in {sorted(by)}"


def test_of_passk_only_the_command_line_knows_the_flows_and_the_reports():
    for file in files("passk"):
        assert room(file) == "passk.cli" or not packages(file) & {"flows", "tasks", "reports"}, file


@every("package", ALONE)
def test_a_package_behind_a_wall_is_imported_in_its_rooms_alone(package):
    users = {room(file) for file in files() if package in packages(file)}
    assert users, f"no room imports {package}; take it out of this test"
    assert users <= ALONE[package]


@every("folder", LIGHT)
def test_light_rooms_load_neither_torch_nor_ray_nor_vllm(folder):
    """Neither directly, in a function, nor through what they import when they are loaded."""
    assert not third_party(folder) & HEAVY
    modules = [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files(folder)]
    assert loaded(*modules) == "[]\n"


def test_the_command_line_answers_at_once():
    assert loaded("passk.cli.main") == "[]\n"


def loaded(*modules: str) -> str:
    code = f"import sys, {', '.join(modules)}; print(sorted({LATE} & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout


def test_the_lowest_rooms_import_nothing_of_ours():
    for lowest in ("passk/statistics", "passk/base"):
        for file in files(lowest):
            ours = {module for module in imported(file) if module.partition(".")[0] in OURS}
            assert all(module.startswith(room(file)) for module in ours), file
    assert third_party("passk/base") == set()
    assert third_party("passk/statistics") == {"numpy", "scipy"}


def test_nothing_imports_studies_bench_or_dev():
    for file in files():
        assert not packages(file) & {"studies", "bench", "dev", "tests"}, file
    for folder in ("studies", "bench", "dev"):
        for file in files(folder):
            assert not packages(file) & ({"studies", "bench", "dev", "tests"} - {folder}), file


def test_reports_know_the_store_and_light_rooms_of_passk_alone():
    known = {"passk.statistics", "passk.store", "passk.base", "passk.files", "passk.experiment", "passk.verifiers"}
    known |= {"reports", "reports.data", "reports.figures", "reports.sections"}
    assert {target for source, target in arrows() if source.startswith("reports")} <= known


def test_flows_define_no_task_and_tasks_no_flow():
    for file in files("flows"):
        assert "@task" not in (ROOT / file).read_text()
    for file in files("tasks"):
        assert "@flow" not in (ROOT / file).read_text()


def test_the_unit_tests_mirror_the_tree():
    tests = ROOT / "tests/unit"
    homes = {name.removeprefix("passk.").partition(".")[0] for name in rooms()} - {"adapters"}  # tests/adapters
    assert {path.parent.name for path in tests.glob("*/test_*.py")} == homes | {"dev", "studies"}
    modules = {f"test_{file.stem}.py" for file in files()}
    loose = {path.name for path in tests.glob("test_*.py")} & modules
    assert not loose, f"move {loose} into the folder of the module"


def written(root: Path, modules: dict[str, str]) -> Path:
    for name, text in modules.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_circle_of_rooms_is_found_with_its_files_wherever_the_import_stands(tmp_path):
    written(
        tmp_path,
        {
            "passk/a/one.py": "from passk.b import two",
            "passk/b/two.py": "def late():\n    import passk.c.three",
            "passk/c/three.py": "from passk.a.one import x",
            "tasks/t.py": "import passk.a.one",
            "flows/f.py": "from tasks.t import y",
            "tasks/u.py": "from flows import f",
        },
    )
    graph = rooms(tmp_path)
    assert {frozenset(circle) for circle in circles(graph)} == {
        frozenset({"passk.a", "passk.b", "passk.c"}),
        frozenset({"tasks", "flows"}),
    }
    assert all(circle[0] == circle[-1] and circle[1] in graph[circle[0]] for circle in circles(graph))
    assert arrows(tmp_path)["passk.b", "passk.c"] == {Path("passk/b/two.py")}


def test_a_room_stands_above_the_highest_that_it_imports(tmp_path):
    graph = rooms(
        written(tmp_path, {"passk/a/x.py": "", "passk/b/x.py": "import passk.a.x", "tasks/x.py": "import passk.b"})
    )
    assert floors(graph) == {"passk.a": 1, "passk.b": 2, "tasks": 3}


def derived(classes: list[ast.ClassDef], root: str) -> set[str]:
    """Return the names of the classes that are derived from `root`, itself included."""
    found, before = {root}, 0
    while before != len(found):
        before = len(found)
        found |= {each.name for each in classes if {name(base) for base in each.bases} & found}
    return found


def name(node: ast.AST | None) -> str:
    return getattr(node, "id", None) or getattr(node, "attr", "")


def badly_made(nodes: list[ast.AST], configuration: set[str]) -> Iterator[int]:
    """Yield the line of each configuration error that is not made of three parts, as far as their literals show."""
    for node in nodes:
        if isinstance(node, ast.Call) and name(node.func) in configuration:
            texts = ["".join(part.value for part in ast.walk(each) if is_text(part)) for each in node.args]
            three = len(node.args) == 3 and not any(isinstance(each, ast.Starred) for each in node.args)
            if not three or ": " in texts[0] or "; " in "".join(texts) or texts[2].startswith((";", " ")):
                yield node.lineno


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def edited(nodes: list[ast.AST], errors: set[str], configuration: set[str]) -> Iterator[int]:
    """Yield the line of each use of an error's text as data, in the `except` that catches it.

    No text of an error of passk is cut, split or matched. A configuration error is not put into another one's text.
    """
    for handler in nodes:
        if not (isinstance(handler, ast.ExceptHandler) and handler.name):
            continue
        kinds = {name(kind) for kind in ast.walk(handler.type)} & errors
        if not kinds:
            continue
        same = {
            name(node.targets[0])
            for node in ast.walk(handler)
            if isinstance(node, ast.Assign) and is_message(node.value, handler.name) and name(node.targets[0])
        }
        for node in ast.walk(handler):
            inner = node.value if isinstance(node, ast.Attribute | ast.Subscript) else None
            taken_apart = inner and (is_message(inner, handler.name) or name(inner) in same)
            args = isinstance(node, ast.Attribute) and node.attr == "args" and name(node.value) == handler.name
            repacked = isinstance(node, ast.Call) and name(node.func) in configuration and kinds & configuration
            inserted = repacked and any(is_message(part, handler.name) for part in ast.walk(node))
            if taken_apart or args or inserted:
                yield node.lineno


def is_message(node: ast.AST, error: str) -> bool:
    if isinstance(node, ast.FormattedValue):
        return name(node.value) == error and isinstance(node.value, ast.Name)
    return isinstance(node, ast.Call) and name(node.func) == "str" and bool(node.args) and name(node.args[0]) == error


def test_a_configuration_error_is_made_of_three_parts_and_no_errors_text_is_edited():
    nodes = {file: list(ast.walk(ast.parse((ROOT / file).read_text()))) for file in files(*OURS)}
    classes = [node for each in nodes.values() for node in each if isinstance(node, ast.ClassDef)]
    configuration = derived(classes, "ConfigError")
    errors = derived(classes, "PasskError") | {"InvalidError"}
    assert {"ColumnError", "NoJobServer"} <= configuration < errors
    for file, each in nodes.items():
        assert not list(badly_made(each, configuration)), f"{file}: write ConfigError(field, problem, fix)"
        assert not list(edited(each, errors, configuration)), f"{file}: use the error's attributes, or replaced()"


@every(
    "code",
    [
        "raise ConfigError('k: must be 1; raise it')",
        "raise ConfigError(*parts)",
        "raise ConfigError(f'{field}: k', 'is 1', 'raise it')",
        "raise ConfigError('k', 'is 1; 2', 'raise it')",
        "raise errors.ConfigError('k', 'is 1', '; raise it')",
    ],
)
def test_an_error_of_another_form_is_found(code):
    assert list(badly_made(list(ast.walk(ast.parse(code))), {"ConfigError"})) == [1]
    good = ast.parse("raise ConfigError(f'a.{b}', str(c), d, where=e)")
    assert not list(badly_made(list(ast.walk(good)), {"ConfigError"}))


@every(
    "use",
    [
        "field = str(error).partition(':')[0]",
        "raise ConfigError('k', str(error), 'raise it')",
        "raise ConfigError('k', f'no: {error}', 'raise it')",
        "text = str(error); text = text.removeprefix('k')",
        "print(str(error)[:9])",
        "print(error.args)",
    ],
)
def test_an_edited_text_of_an_error_is_found(use):
    def lines(kind: str, body: str) -> list[int]:
        tree = ast.parse(f"try:\n    f()\nexcept {kind} as error:\n    {body}")
        return list(edited(list(ast.walk(tree)), {"ConfigError", "PasskError"}, {"ConfigError"}))

    assert lines("(OSError, ConfigError)", use)
    assert not lines("OSError", use)
    assert not lines("PasskError", "print(str(error), f'{error}', error.fix)")


def test_no_function_takes_a_callable_to_log_with():
    """Modules log with `logging`; passk/base/logs.py decides where the lines go."""
    for file in files():
        for node in ast.walk(ast.parse((ROOT / file).read_text())):
            if isinstance(node, ast.arg) and node.annotation and room(file) != "passk.base":
                assert ast.unparse(node.annotation) != "Callable[[str], None]", f"{file}:{node.lineno}"
